"""What customers say: scores given on our survey pages and those that the sources bring, on their standard scales."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import sqlalchemy as sa

from runner.kpis import intervals
from runner.kpis.measure import Asked, Direction, Figure, Part, Reason, Unit, count, kpi, rate
from runner.kpis.rows import delivered, one, plain, there, total, with_facts, with_people, with_sources
from runner.store.tables import answers, contact_sources, sends, surveys

NO_ANSWERS = "no answers in the period"
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
    given = _answers(asked, "nps", 0, 10)
    order = (given.c.at.desc(), given.c.origin, given.c.row.desc())
    rank = sa.func.row_number().over(partition_by=(given.c.person, given.c.verdict), order_by=order)
    ranked = sa.select(given, rank.label("rank")).subquery()
    latest = sa.and_(ranked.c.verdict == "valid", ranked.c.rank == 1)
    n, up, down, non_standard, invalid = _sums(
        asked,
        latest,
        sa.and_(latest, ranked.c.score >= 9),
        sa.and_(latest, ranked.c.score <= 6),
        ranked.c.verdict == "non_standard",
        ranked.c.verdict == "invalid",
    )
    score = Figure(100 * (up - down) / n, n, *intervals.net_promoter(up, down, n)) if n else _none(non_standard)
    return {
        "": score,
        "promoters": count(up),
        "passives": count(n - up - down),
        "detractors": count(down),
        "non_standard": count(non_standard),
        "invalid": count(invalid),
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
    given = _answers(asked, "csat", 1, 5)
    valid = given.c.verdict == "valid"
    n, top, total, squares, non_standard, invalid = _sums(
        asked,
        valid,
        sa.and_(valid, given.c.score >= 4),
        (valid, given.c.score),
        (valid, given.c.score * given.c.score),
        given.c.verdict == "non_standard",
        given.c.verdict == "invalid",
    )
    return {
        "": rate(top, n) if n else _none(non_standard),
        "mean": _mean(n, total, squares) if n else _none(non_standard),
        "non_standard": count(non_standard),
        "invalid": count(invalid),
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
    told = [*_asked_by_us(asked), *_asked_by_others(asked)]

    def of(*kinds: str) -> Figure:
        mine = [asking for asking in told if not kinds or asking.kind in kinds]
        return rate(sum(asking.answered for asking in mine), sum(asking.sent for asking in mine))

    return {"": of(), "nps": of("nps"), "csat": of("csat")}


@dataclass(frozen=True, slots=True)
class Asking:
    """Surveys of one kind: how many went out and how many came back."""

    kind: str | None
    sent: int
    answered: int


def _answers(asked: Asked, kind: str, lowest: int, highest: int) -> sa.Subquery:
    """Every answer of the period that has a score: person, at, score, verdict (valid, invalid, non_standard)."""
    rows, person = with_people(asked, answers, answers.c.contact_id)
    ours = (
        sa.select(
            person.label("person"),
            answers.c.answered_at.label("at"),
            answers.c.score.label("score"),
            sa.literal(1).label("standard"),
            sa.literal(0).label("origin"),
            answers.c.id.label("row"),
        )
        .select_from(rows)
        .where(answers.c.kind == kind, asked.within(answers.c.answered_at), asked.known(answers.c.seen_at))
    )
    rows, person = with_people(asked, with_sources(surveys), contact_sources.c.contact_id)
    theirs = (
        sa.select(
            person,
            surveys.c.responded_at,
            surveys.c.score,
            one(_scale() == f"{lowest}-{highest}"),
            sa.literal(1),
            surveys.c.id,
        )
        .select_from(rows)
        .where(_kind() == kind, asked.within(surveys.c.responded_at), there(asked, surveys))
    )
    given = sa.union_all(ours, theirs).subquery()
    score = given.c.score
    verdict = sa.case(
        (given.c.standard == 0, "non_standard"),
        (~score.between(lowest, highest), "invalid"),
        (sa.cast(score, sa.Integer) != score, "invalid"),
        else_="valid",
    )
    return sa.select(given, verdict.label("verdict")).where(score.is_not(None)).subquery()


def _kind() -> sa.ColumnElement[str]:
    return plain(sa.func.trim(surveys.c.kind), ("nps", "csat", "ces", "exit"))


def _scale() -> sa.ColumnElement[str]:
    """The scale without blanks and with a plain hyphen, as `0-10`."""
    written: sa.ColumnElement[str] = surveys.c.scale
    for other, meant in ((" ", ""), ("–", "-"), ("..", "-")):
        written = sa.func.replace(written, other, meant)
    return written


def _sums(asked: Asked, *of: sa.ColumnElement[bool] | tuple[sa.ColumnElement[bool], Any]) -> list[Any]:
    """How often each condition holds or, where a number stands with it, that number's sum."""
    columns = [part if isinstance(part, tuple) else (part, 1) for part in of]
    summed = [total(sa.case((condition, amount), else_=0)) for condition, amount in columns]
    told = asked.connection.execute(sa.select(*summed)).one()
    return [float(x) if isinstance(part, tuple) else int(x) for x, part in zip(told, of, strict=True)]


def _none(non_standard: int) -> Figure:
    return Figure(None, 0, reason=Reason.NON_STANDARD_SCALE if non_standard else Reason.NO_DENOMINATOR)


def _mean(n: int, total: float, squares: float) -> Figure:
    average = total / n
    deviation = sqrt(max(0.0, squares - n * average * average) / (n - 1)) if n > 1 else 0.0
    reach = intervals.mean(average, deviation, n)
    if reach is None:
        return Figure(average, n)
    return Figure(average, n, max(1.0, reach.low), min(5.0, reach.high))


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
    return _askings(
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
    return _askings(
        asked,
        sa.select(_kind().label("kind"), answered.label("answered"))
        .select_from(rows)
        .where(asked.within(surveys.c.sent_at), there(asked, surveys))
        .subquery(),
    )


def _askings(asked: Asked, told: sa.Subquery) -> list[Asking]:
    sums = sa.select(told.c.kind, sa.func.count(), sa.func.sum(told.c.answered)).group_by(told.c.kind)
    return [Asking(kind, sent, int(answered)) for kind, sent, answered in asked.connection.execute(sums)]
