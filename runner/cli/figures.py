"""Commands that count: kpis, cohorts, calculate, quality."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.options import AsJson, Folder, console, day, instant, print_json, workspace
from runner.errors import WrongUsage

if TYPE_CHECKING:
    from runner.app import App
    from runner.app.figuring import Question
    from runner.kpis import Step

AsOf = Annotated[str | None, typer.Option("--as-of", help="As it was known at this time.", metavar="TIME")]
Of = Annotated[
    str | None, typer.Option("--segment", help='Only of whom this holds: contact.country == "PL".', metavar="EXPR")
]


def kpis(
    folder: Folder = None,
    keys: Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="Only these figures.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="The period's first day.", metavar="DAY")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The first day after it.", metavar="DAY")] = None,
    as_of: AsOf = None,
    segment: Of = None,
    by: Annotated[
        str | None, typer.Option(help="Side by side for each value of a field: contact.country.", metavar="FIELD")
    ] = None,
    trend: Annotated[
        str | None, typer.Option(help="Over time: months, quarters or years that are over.", metavar="STEP")
    ] = None,
    periods: Annotated[int, typer.Option(help="How many of them.", min=1, max=120, metavar="N")] = 12,
    everything: Annotated[bool, typer.Option("--all", help="All figures, not only those of your goals.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what it brought: rates with interval and cases. Over the last 90 days unless told otherwise.

    In a terminal stand the few figures of your goals, with --all and --json all of them.
    """
    from runner.app.figuring import compared, figures, trends
    from runner.cli.figure_words import breakdown_table, trend_table
    from runner.cli.tables import kpi_table

    if trend and (by or first or last):
        raise WrongUsage("--trend has its own periods and nobody beside: leave out --by, --from and --to")
    with workspace(folder) as app:
        question = _question(app, first, last, as_of, segment, keys)
        zone = app.settings.timezone
        if trend:
            told = trends(app, question, _step(trend), periods)
            print_json([one.document() for one in told]) if as_json else console().print(trend_table(told))
        elif by:
            beside = compared(app, question, by)
            if as_json:
                print_json({value: [kpi.document() for kpi in found] for value, found in beside.items()})
            else:
                console().print(breakdown_table(beside, by))
        else:
            few = not (as_json or everything or question.keys)
            found = figures(app, question.of_goals(app) if few else question)
            if as_json:
                print_json([kpi.document() for kpi in found])
            else:
                console().print(kpi_table(found, zone=zone, more=few))


def cohorts(
    folder: Folder = None,
    months: Annotated[int, typer.Option(help="How many months back.", min=1, max=60, metavar="N")] = 12,
    as_of: AsOf = None,
    segment: Of = None,
    revenue: Annotated[bool, typer.Option("--revenue", help="What they bring instead of how many come.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show customers by the month of their first order: how many of them order in each month after."""
    from runner.app.figuring import cohorts_of
    from runner.cli.figure_words import cohort_table

    with workspace(folder) as app:
        found = cohorts_of(app, _question(app, None, None, as_of, segment, None), months)
        if as_json:
            print_json([cohort.document() for cohort in found])
        else:
            console().print(cohort_table(found, revenue=revenue, currency=app.settings.currency))


def calculate(
    numbers: Annotated[list[str] | None, typer.Argument(metavar="NAME=NUMBER...", help="S=200 E=210 N=30")] = None,
    as_json: AsJson = False,
) -> None:
    """Calculate figures from numbers you type: S, E, N or money. Without any it tells what may be typed."""
    from runner import kpis
    from runner.cli.figure_words import calculated_table, names_table

    typed = dict(map(_typed, numbers or ()))
    if not typed:
        print_json(kpis.NAMES) if as_json else console().print(names_table())
        return
    told = kpis.calculate(typed)
    print_json([one.document() for one in told]) if as_json else console().print(calculated_table(told))


def quality(folder: Folder = None, as_json: AsJson = False) -> None:
    """Show how good the rows are that figures rest on: missing, late, duplicate and orphaned ones."""
    from runner.app.figuring import quality_of
    from runner.cli.figure_words import quality_table

    with workspace(folder) as app:
        found = quality_of(app)
        if as_json:
            print_json([one.document() for one in found])
        else:
            console().print(quality_table(found))


def _question(
    app: App, first: str | None, last: str | None, as_of: str | None, segment: str | None, keys: list[str] | None
) -> Question:
    from runner.app.figuring import Question

    moment = instant(as_of, app.settings.timezone) if as_of else None
    return Question(day(first) if first else None, day(last) if last else None, moment, segment, tuple(keys or ()))


def _step(text: str) -> Step:
    from runner.kpis import Step
    from runner.yaml_file import closest

    if text not in tuple(Step):
        raise WrongUsage(f"there are no {text!r}; {closest(text, list(Step)) or 'write months, quarters or years'}")
    return Step(text)


def _typed(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name.strip(), float(number.strip().replace("_", "").removesuffix("%")) / (100 if "%" in number else 1)
    except ValueError:
        raise WrongUsage(f"{text!r} is no number by its name; write S=200") from None


COMMANDS: Mapping[str, Callable[..., None]] = {
    "kpis": kpis,
    "cohorts": cohorts,
    "calculate": calculate,
    "quality": quality,
}
