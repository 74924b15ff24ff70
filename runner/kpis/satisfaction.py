"""What customers say: scores given on our survey pages and those that the sources bring, on their standard scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from runner.kpis import intervals
from runner.kpis.asked import Asked
from runner.kpis.measure import Direction, Figure, Part, Reason, Unit, count, kpi, rate
from runner.kpis.rows import delivered, one, there, with_facts, with_people
from runner.kpis.scales import CSAT, NPS, Scale, kind_of_survey, scales_of
from runner.store.tables import answers, sends, surveys

if TYPE_CHECKING:
    from runner.kpis.scores import Scores

NO_ANSWERS = "no answers in the period"
#: A smaller share of those asked than this speaks for itself, and hardly for the others.
FEW = 0.15
_APART = {
    "non_standard": Part(
        "Answers on another scale",
        Unit.COUNT,
        "Answers on a scale other than the standard one, neither pooled nor converted.",
    ),
    "invalid": Part("Answers off the scale", Unit.COUNT, "Answers whose score is no point of the scale. Left out."),
}


@kpi(
    key="nps",
    name="Net promoter score",
    unit=Unit.POINTS,
    direction=Direction.HIGHER,
    formula="Promoters (9 and 10) less detractors (0 to 6), in percent of all who answered on the scale 0–10; "
    "of each person the latest answer in the period.",
    needs=("surveys",),
    reads=(surveys.c.seen_at, answers.c.seen_at),
    nothing=NO_ANSWERS,
    entry=30,
    parts={
        "promoters": Part("Promoters", Unit.COUNT, "People whose latest answer is 9 or 10.", Direction.HIGHER),
        "passives": Part("Passives", Unit.COUNT, "People whose latest answer is 7 or 8."),
        "detractors": Part("Detractors", Unit.COUNT, "People whose latest answer is 0 to 6.", Direction.LOWER),
        **_APART,
    },
)
def nps(asked: Asked) -> Mapping[str, Figure]:
    told = _scores(asked)
    here = told.on(0)
    valid = here.valid(NPS)
    latest = valid.latest()
    n, up, down, others = len(latest), latest.from_(NPS.top), latest.upto(6), len(told.on(-1))
    if n:
        around = intervals.net_promoter(up, down, n)
        score = Figure(100 * (up - down) / n, n, around.low, around.high, note=_few(asked, "nps"))
    else:
        score = _none(others)
    return {
        "": score,
        "promoters": count(up),
        "passives": count(n - up - down),
        "detractors": count(down),
        "non_standard": count(others),
        "invalid": count(len(here) - len(valid)),
    }


@kpi(
    key="csat",
    name="Customer satisfaction",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="The share of answers that are 4 or 5, of all answers on the scale 1–5.",
    needs=("surveys",),
    reads=(surveys.c.seen_at, answers.c.seen_at),
    nothing=NO_ANSWERS,
    entry=31,
    parts={
        "mean": Part("Mean satisfaction", Unit.SCORE, "The mean of the answers on the scale 1–5.", Direction.HIGHER),
        **_APART,
    },
)
def csat(asked: Asked) -> Mapping[str, Figure]:
    told, scales = _scores(asked), scales_of(asked.settings.kpis)
    here = [(one, told.on(place)) for place, one in enumerate(scales) if one.kind == "csat"]
    valid = [(scale, given.valid(scale)) for scale, given in here]
    n, others = sum(len(given) for _, given in valid), len(told.on(-2))
    top = sum(given.from_(scale.top) for scale, given in valid)
    note = f"{_mapped(scales)} {_few(asked, 'csat')}".strip()
    return {
        "": rate(top, n, note=note) if n else _none(others),
        "mean": _mean(valid[0][1]) if len(valid[0][1]) else _none(others),
        "non_standard": count(others),
        "invalid": count(sum(map(len, (given for _, given in here))) - n),
    }


@kpi(
    key="survey_response_rate",
    name="Survey response rate",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the surveys delivered in the period, the share answered so far. A reminder is not another survey.",
    needs=("surveys",),
    reads=(surveys.c.seen_at, sends.c.claimed_at),
    nothing="no survey was delivered in the period",
    entry=32,
    parts={
        kind: Part(f"Response rate of {kind.upper()} surveys", Unit.RATIO, f"The same of `{kind}` surveys alone.")
        for kind in ("nps", "csat")
    },
)
def survey_response_rate(asked: Asked) -> Mapping[str, Figure]:
    told = asked.once(_askings)
    return {"": _of_kinds(told), "nps": _of_kinds(told, "nps"), "csat": _of_kinds(told, "csat")}


def _of_kinds(told: Sequence[Asking], *kinds: str) -> Figure:
    mine = [asking for asking in told if not kinds or asking.kind in kinds]
    return rate(sum(asking.answered for asking in mine), sum(asking.sent for asking in mine))


@dataclass(frozen=True, slots=True)
class Asking:
    """Surveys of one kind: how many went out and how many came back."""

    kind: str | None
    sent: int
    answered: int


def _scores(asked: Asked) -> Scores:
    from runner.kpis.scores import scores_of

    return asked.once(scores_of)


def _mapped(scales: Sequence[Scale]) -> str:
    """Which other scales of satisfaction count, and how."""
    added = [f"{one.words} from {one.top} on" for one in scales if one.kind == "csat" and one != CSAT]
    return f"Other scales that count: {', '.join(added)}." if added else ""


def _few(asked: Asked, kind: str) -> str:
    """Who answers is not who does not: few of many asked say little of all."""
    share = _of_kinds(asked.once(_askings), kind)
    if share.value is None or share.n < asked.settings.kpis.minimum_n or share.value >= FEW:
        return ""
    return f"Few answered: {share.value:.0%} of {share.n:,} asked."


def _none(non_standard: int) -> Figure:
    return Figure(None, 0, reason=Reason.NON_STANDARD_SCALE if non_standard else Reason.NO_DENOMINATOR)


def _mean(given: Scores) -> Figure:
    n, mean = len(given), float(given.score.mean())
    reach = intervals.mean(mean, float(given.score.std(ddof=1)), n) if n > 1 else None
    if reach is None:
        return Figure(mean, n)
    return Figure(mean, n, max(1.0, reach.low), min(5.0, reach.high))


def _askings(asked: Asked) -> Sequence[Asking]:
    """The surveys delivered in the period, ours and others'."""
    return [*_asked_by_us(asked), *_asked_by_others(asked)]


def _asked_by_us(asked: Asked) -> list[Asking]:
    """A survey is one step of one enrollment, however often it was sent."""
    rows, _ = with_people(asked, sends, sends.c.contact_id)
    other, response = sends.alias(), answers.alias()
    same = sa.and_(other.c.enrollment_id == sends.c.enrollment_id, other.c.step == sends.c.step)
    earlier = sa.or_(
        other.c.claimed_at < sends.c.claimed_at,
        sa.and_(other.c.claimed_at == sends.c.claimed_at, other.c.id < sends.c.id),
    )
    answered = (
        sa.exists()
        .select_from(other.join(response, response.c.send_id == other.c.id))
        .where(same, asked.known(response.c.answered_at), asked.known(response.c.seen_at))
    )
    return _by_kind(
        asked,
        sa.select(sends.c.about.label("kind"), one(answered).label("answered"))
        .select_from(rows)
        .where(
            sends.c.action == "survey",
            asked.within(sends.c.claimed_at),
            delivered(),
            ~sa.exists().select_from(other).where(same, earlier, delivered(other)),
        )
        .subquery(),
    )


def _asked_by_others(asked: Asked) -> list[Asking]:
    rows = with_facts(asked, surveys)
    came = sa.or_(surveys.c.responded_at.is_(None), asked.known(surveys.c.responded_at))
    answered = one(sa.and_(surveys.c.score.is_not(None), came))
    return _by_kind(
        asked,
        sa.select(kind_of_survey().label("kind"), answered.label("answered"))
        .select_from(rows)
        .where(asked.within(surveys.c.sent_at), there(asked, surveys))
        .subquery(),
    )


def _by_kind(asked: Asked, told: sa.Subquery) -> list[Asking]:
    sums = sa.select(told.c.kind, sa.func.count(), sa.func.sum(told.c.answered)).group_by(told.c.kind)
    return [Asking(kind, sent, int(answered)) for kind, sent, answered in asked.connection.execute(sums)]
