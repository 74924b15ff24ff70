"""Figures that are kept say what counting anew says; late rows give another edition and change nothing silently."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from runner import kpis
from runner.kpis import Period, Step, periods_before
from runner.kpis.kept import rules
from runner.store import Store
from runner.store.tables import kpi_values
from tests.kpis.shop import JANUARY, Shop, on, settings

KEYS = ["crr", "aov", "nps", "exit_reasons", "first_response_time"]
AT = on("2026-03-01")


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with Store(database) as store:
        yield store


def _history(shop: Shop, *, seen: str = "2020-01-01") -> None:
    luck = Random(7)
    for day in ("2025-11-03", "2026-01-05", "2026-01-20"):
        shop.orders(luck.sample(shop.people(9), 6), day, net=str(luck.randrange(10, 99)), seen=seen)
    shop.survey(shop.people(12), 9)
    shop.facts("exits", *({"of": who, "left_on": "2026-01-09", "reason": "Price"} for who in shop.people(3)))


def _counted(store: Store, period: Period = JANUARY, **changed: object) -> list[kpis.Kpi]:
    with store.read() as connection:
        return kpis.compute(connection, period=period, as_of=AT, settings=settings(**changed), keys=KEYS)


def _kept(store: Store, **changed: object) -> list[kpis.Kpi]:
    with store.read() as connection:
        return kpis.kept(connection, period=JANUARY, settings=settings(**changed), keys=KEYS)


def test_kept_figures_are_those_that_counting_anew_gives(store: Store) -> None:
    with store.write() as connection:
        _history(Shop(connection))
    counted = _counted(store)
    assert kpis.keep(store, counted, settings()) == len(counted)
    assert _kept(store) == counted


def test_the_same_answer_is_written_once_and_another_one_beside_it(store: Store) -> None:
    with store.write() as connection:
        _history(shop := Shop(connection))
    kpis.keep(store, _counted(store), settings())
    assert kpis.keep(store, _counted(store), settings()) == 0
    with store.write() as connection:
        later = Shop(connection, shop._numbers)
        later.orders([1, later.person()], "2026-01-07", net="1000")
    kpis.keep(store, _counted(store), settings())
    assert _kept(store) == _counted(store)
    with store.read() as connection:
        editions = sa.select(kpi_values.c.edition, kpi_values.c.value).where(kpi_values.c.key == "aov")
        told = connection.execute(editions.order_by(kpi_values.c.edition)).all()
    assert [edition for edition, _ in told] == [1, 2]
    assert told[0].value < told[1].value


def test_figures_under_other_rules_are_other_figures(store: Store) -> None:
    with store.write() as connection:
        _history(Shop(connection))
    kpis.keep(store, _counted(store), settings())
    assert _kept(store, kpis={"activity_window": "30 days"}) == []
    judged = _kept(store, kpis={"targets": {"crr": {"at_least": 0.9}}})[0]
    assert judged.target is not None


def test_a_key_that_decides_nothing_leaves_the_rules_as_they_were_before_there_was_one() -> None:
    """Else an update would hide all that was kept."""
    assert rules(settings()) == "038326992be17452"
    assert rules(settings(kpis={"csat_scales": {"1-7": 6}})) != rules(settings())


def test_at_night_the_latest_periods_are_counted_and_older_ones_a_few_at_a_time(sqlite_url: str) -> None:
    with Store(sqlite_url) as store:
        with store.write() as connection:
            _history(Shop(connection))
        kpis.refresh(store, settings(), AT)
        with store.read() as connection:
            periods = connection.execute(sa.select(kpi_values.c.first, kpi_values.c.behind).distinct()).all()
    assert (date(2026, 2, 1), date(2026, 3, 1)) in [tuple(period) for period in periods]
    assert len(periods) == 6


def test_a_period_told_by_a_definition_of_before_is_counted_anew_at_night(sqlite_url: str) -> None:
    with Store(sqlite_url) as store:
        with store.write() as connection:
            _history(Shop(connection))
        for _ in range(2):
            kpis.refresh(store, settings(), AT)
        v = kpi_values.c
        old = v.key == "revenue_churn_rate", v.first == date(2025, 11, 1), v.behind == date(2025, 12, 1)
        with store.write() as connection:
            assert connection.execute(kpi_values.update().where(*old).values(definition=1)).rowcount == 1
        kpis.refresh(store, settings(), AT)
        with store.read() as connection:
            assert set(connection.scalars(sa.select(v.definition).where(*old))) == {1, 2}


def test_several_periods_at_once_come_to_what_each_comes_to_alone(store: Store) -> None:
    with store.write() as connection:
        _history(Shop(connection))
    periods = [JANUARY, Period(date(2025, 11, 1), date(2026, 1, 1)), Period(date(2026, 2, 1), date(2026, 6, 1))]
    with store.read() as connection:
        asked: Any = {"as_of": on("2026-02-10"), "settings": settings()}
        together = kpis.compute_each(connection, periods=periods, **asked)
        assert together == [kpis.compute(connection, period=period, **asked) for period in periods]
    assert {kpi.value for figures in together for kpi in figures if kpi.key == "purchase_frequency"} > {None}


def test_a_night_reads_all_orders_once_for_all_its_periods(sqlite_url: str) -> None:
    with Store(sqlite_url) as store:
        with store.write() as connection:
            _history(Shop(connection))
        asked: list[str] = []
        sa.event.listen(store.reader, "before_cursor_execute", lambda *told: asked.append(told[2]))
        kpis.refresh(store, settings(), AT)
    assert sum("purchases.at AS at" in statement for statement in asked) == 1


@pytest.mark.parametrize(
    ("step", "last", "first"),
    [
        (Step.MONTHS, (date(2026, 2, 1), date(2026, 3, 1)), date(2025, 12, 1)),
        (Step.QUARTERS, (date(2025, 10, 1), date(2026, 1, 1)), date(2025, 4, 1)),
        (Step.YEARS, (date(2025, 1, 1), date(2026, 1, 1)), date(2023, 1, 1)),
    ],
)
def test_a_trend_has_the_calendar_periods_that_are_over(step: Step, last: tuple[date, date], first: date) -> None:
    periods = periods_before(AT, "Europe/Warsaw", step, 3)
    assert (periods[-1].start, periods[-1].end) == last
    assert periods[0].start == first
    assert len(periods) == 3
