"""Every KPI in its order, and how a set of them is asked.

A new KPI is a function with its definition in its family's file, and its name in `KPIS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from runner.kpis.addons import addon_adoption_cancellation
from runner.kpis.asked import Asked, Period, Segment
from runner.kpis.lifespan import customer_lifespan, exit_reasons, renewal_rate
from runner.kpis.mail import complaint_rate, email_click_rate, email_open_rate, unsubscribe_rate
from runner.kpis.measure import Figure, Measure, Reason
from runner.kpis.product import active_users, feature_usage_rate, licence_utilisation
from runner.kpis.programmes import loyalty_participation_rate, referral_rate, review_request_conversion
from runner.kpis.receivables import dso, product_return_rate
from runner.kpis.recurring import (
    arr,
    grr,
    mrr,
    mrr_movements,
    nrr,
    quick_ratio,
    revenue_churn_rate,
)
from runner.kpis.repeat import (
    loyal_customer_rate,
    purchase_frequency,
    repeat_purchase_rate,
    returning_customer_rate,
    returning_order_share,
    time_between_purchases,
)
from runner.kpis.retention import churn_rate, crr, winback_rate
from runner.kpis.revenue import (
    aov,
    arov,
    arpu,
    clv,
    cross_sell_rate,
    existing_customer_revenue_growth,
    upsell_rate,
)
from runner.kpis.risk import churn_risk
from runner.kpis.satisfaction import csat, nps, survey_response_rate
from runner.kpis.service import (
    client_response_time,
    first_response_time,
    project_completion_rate,
    report_open_rate,
    resolution_time,
)
from runner.kpis.site import (
    cart_abandonment_rate,
    foot_traffic,
    site_conversion_rate,
    site_returning_visitor_rate,
    wishlist_conversion_rate,
)
from runner.kpis.targets import BOUNDS
from runner.kpis.told import Kpi, named_figure
from runner.kpis.uplift import incremental_effect
from runner.settings import KpiSettings, Settings
from runner.store.engine import mapped
from runner.yaml_file import closest

#: Every KPI, in the order in which they are shown.
KPIS: tuple[Measure, ...] = (
    # Customers who stay and who leave.
    crr, churn_rate, repeat_purchase_rate, returning_customer_rate, returning_order_share, purchase_frequency,
    time_between_purchases, loyal_customer_rate, customer_lifespan, renewal_rate, winback_rate, exit_reasons,
    churn_risk,
    # Revenue.
    aov, arov, arpu, clv, mrr, arr, mrr_movements, nrr, grr, revenue_churn_rate, existing_customer_revenue_growth,
    cross_sell_rate, upsell_rate, dso, product_return_rate, quick_ratio,
    # Satisfaction and loyalty.
    nps, csat, survey_response_rate, loyalty_participation_rate, referral_rate, review_request_conversion,
    # Mail, web, stores.
    email_open_rate, email_click_rate, unsubscribe_rate, complaint_rate, site_returning_visitor_rate,
    site_conversion_rate, wishlist_conversion_rate, cart_abandonment_rate, foot_traffic,
    # Product use.
    licence_utilisation, active_users, feature_usage_rate, addon_adoption_cancellation,
    # Service and agency work.
    first_response_time, resolution_time, client_response_time, report_open_rate, project_completion_rate,
    # What the playbooks brought.
    incremental_effect,
)  # fmt: skip
#: The keys of all figures, parts included.
KEYS: tuple[str, ...] = tuple(key for measure in KPIS for key in measure.keys)


def compute(
    connection: sa.Connection,
    *,
    period: Period,
    as_of: datetime,
    settings: Settings,
    keys: Iterable[str] | None = None,
    segment: Segment | None = None,
) -> list[Kpi]:
    """The KPIs of `keys` with their parts, all by default; nothing that came or happened after `as_of` is counted.

    A key may be a KPI's or a part's; parts come with their KPI, right behind it. With a segment only its people count.
    """
    (figures,) = compute_each(connection, periods=(period,), as_of=as_of, settings=settings, keys=keys, segment=segment)
    return figures


def compute_each(
    connection: sa.Connection,
    *,
    periods: Sequence[Period],
    as_of: datetime,
    settings: Settings,
    keys: Iterable[str] | None = None,
    segment: Segment | None = None,
) -> list[list[Kpi]]:
    """The same of several periods: what does not go by the period, all orders above all, is read once for them."""
    if not periods:
        return []
    first = Asked(connection, periods[0], as_of, settings, segment)
    return _of_all([first.of(period) for period in periods], keys)


def compute_among(
    connection: sa.Connection,
    *,
    period: Period,
    as_of: datetime,
    settings: Settings,
    keys: Iterable[str] | None = None,
    segments: Sequence[Segment],
) -> list[list[Kpi]]:
    """The same of several segments: what does not go by the people is read once for them."""
    anybody = Asked(connection, period, as_of, settings)
    return _of_all([anybody.among(segment) for segment in segments], keys)


def _of_all(looks: Sequence[Asked], keys: Iterable[str] | None) -> list[list[Kpi]]:
    wanted = None if keys is None else {key.partition(".")[0] for key in keys}
    chosen = [measure for measure in KPIS if wanted is None or measure.key in wanted]
    if not looks:
        return []
    with mapped(looks[0].connection):
        return [[kpi for measure in chosen for kpi in _figures(measure, asked)] for asked in looks]


def mistakes(settings: KpiSettings) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """What the settings under `kpis:` name and there is not: the path below `kpis`, what is wrong, advice."""
    named: list[tuple[tuple[str | int, ...], str]] = [(("show", place), key) for place, key in enumerate(settings.show)]
    for path, key in [*named, *((("targets", key), key) for key in settings.targets)]:
        if key not in KEYS:
            yield path, f"no KPI {key!r}", closest(key, KEYS) or f"there are {', '.join(kpi.key for kpi in KPIS)}"
    for key, target in settings.targets.items():
        for bound in target.keys() - set(BOUNDS):
            yield (
                ("targets", key, bound),
                f"must be at_least, at_most or warn_at, is {bound!r}",
                closest(bound, BOUNDS),
            )


def _figures(measure: Measure, asked: Asked) -> Iterator[Kpi]:
    for name, figure in _computed(measure, asked).items():
        yield named_figure(measure, name, figure, asked)


def _computed(measure: Measure, asked: Asked) -> Mapping[str, Figure]:
    """What is not connected is not counted: there is nothing to count, and no 0 either."""
    if asked.start >= asked.as_of:
        return dict.fromkeys(("", *measure.parts), Figure(None, 0, reason=Reason.NOT_REACHED))
    if not _has_any(measure, asked):
        return dict.fromkeys(("", *measure.parts), Figure(None, 0, reason=Reason.NO_DATA))
    return measure.compute(asked)


def _has_any(measure: Measure, asked: Asked) -> bool:
    """Whether any row of what the KPI reads was known at the as-of instant."""
    queries = (sa.select(sa.exists().where(asked.known(since))) for since in measure.reads)
    return any(asked.connection.scalar(query) for query in queries)
