"""The definitions as a page for people: what `docs/kpis.md` holds between its two marks."""

from __future__ import annotations

from runner.kpis import KPIS, Direction, Measure, Unit

BEGIN, END = "<!-- definitions: begin -->", "<!-- definitions: end -->"

_UNITS = {
    Unit.RATIO: "share, shown in percent",
    Unit.POINTS: "points from −100 to +100",
    Unit.COUNT: "number",
    Unit.SCORE: "points of the scale",
    Unit.MONEY: "money, in the account's currency",
    Unit.DAYS: "days",
    Unit.MINUTES: "minutes",
    Unit.NUMBER: "so many for each",
}
_INTERVALS = {
    Unit.RATIO: "Wilson",
    Unit.POINTS: "adjusted Wald",
    Unit.SCORE: "Student's t",
}
#: Figures whose interval is another one than is usual for their unit.
_OWN_INTERVALS = {
    **dict.fromkeys(("nrr", "grr", "revenue_churn_rate", "existing_customer_revenue_growth"), "ratio estimator"),
    **dict.fromkeys(("aov", "arov", "arpu", "purchase_frequency"), "Student's t"),
    "customer_lifespan": "Brookmeyer and Crowley, where its upper end has been observed",
    **dict.fromkeys(("time_between_purchases", "first_response_time", "resolution_time", "client_response_time"),
                    "by order statistics, whatever the distribution"),
    "incremental_effect": "Newcombe",
    "feature_usage_rate": "none",
    "product_return_rate": "none, units of one order go together",
}  # fmt: skip
_BETTER = {
    Direction.HIGHER: "higher",
    Direction.LOWER: "lower",
    Direction.CONTEXT: "neither",
}


def with_definitions(page: str) -> str:
    """The page with its part between the marks written anew. Raises ValueError when a mark is missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page needs the marks {BEGIN} and {END}")
    definitions = "\n\n".join(map(_definition, KPIS))
    return f"{before}{BEGIN}\n\n{definitions}\n\n{END}{after}"


def _interval(measure: Measure) -> str:
    """By which formula; a total and what is added up of many parts have none."""
    own = _OWN_INTERVALS.get(measure.key) or _INTERVALS.get(measure.unit, "")
    return f"; interval: {own}" if own and not measure.certain else ""


def _definition(measure: Measure) -> str:
    lines = [
        f"### {measure.name}",
        "",
        f"`{measure.key}`. {measure.formula}",
        "",
        f"- Unit: {_UNITS[measure.unit]}{_interval(measure)}",
        f"- Better: {_BETTER[measure.direction]}",
        f"- Needs: {', '.join(f'`{table}`' for table in measure.needs)}",
        f"- No value when: {measure.nothing}",
    ]
    if measure.benchmark:
        lines.append(f"- Others: {measure.benchmark}")
    if measure.vanity:
        lines.append(f"- It flatters: {measure.vanity}")
    if measure.parts or measure.each:
        lines += ["", "| beside it | what it is | unit | better |", "| --- | --- | --- | --- |"]
        lines += [
            f"| `{measure.key}.{name}` | **{part.name}.** {part.formula} | {_UNITS[part.unit]} "
            f"| {_BETTER[part.direction]} |"
            for name, part in measure.parts.items()
        ]
    if measure.each is not None:
        part = measure.about("…")
        lines.append(
            f"| `{measure.key}.…` | **{part.name}.** {part.formula} One for each that occurs. | {_UNITS[part.unit]} "
            f"| {_BETTER[part.direction]} |"
        )
    return "\n".join(lines)
