"""The definitions as a page for people: what `docs/kpis.md` holds between its two marks."""

from __future__ import annotations

from runner.kpis import KPIS, Direction, Measure, Unit

BEGIN, END = "<!-- definitions: begin -->", "<!-- definitions: end -->"

_UNITS = {
    Unit.RATIO: "share, shown in percent",
    Unit.POINTS: "points from −100 to +100",
    Unit.COUNT: "number",
    Unit.SCORE: "points of the scale",
}
_INTERVALS = {
    Unit.RATIO: "Wilson",
    Unit.POINTS: "adjusted Wald",
    Unit.SCORE: "Student's t",
}
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


def _definition(measure: Measure) -> str:
    lines = [
        f"### {measure.name}",
        "",
        f"`{measure.key}`. {measure.formula}",
        "",
        f"- Unit: {_UNITS[measure.unit]}; interval: {_INTERVALS[measure.unit]}",
        f"- Better: {_BETTER[measure.direction]}",
        f"- Needs: {', '.join(f'`{table}`' for table in measure.needs)}",
        f"- No value when: {measure.nothing}",
    ]
    if measure.parts:
        lines += ["", "| beside it | what it is | unit | better |", "| --- | --- | --- | --- |"]
        lines += [
            f"| `{measure.key}.{name}` | **{part.name}.** {part.formula} | {_UNITS[part.unit]} "
            f"| {_BETTER[part.direction]} |"
            for name, part in measure.parts.items()
        ]
    return "\n".join(lines)
