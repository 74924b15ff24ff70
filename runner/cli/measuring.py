"""Commands that measure: churn, effect, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.options import AsJson, At, Folder, console, day, folder_of, instant, moment, print_json, workspace
from runner.errors import NeedsPerson, WrongUsage


def churn(
    contact: Annotated[
        str | None, typer.Argument(metavar="CONTACT", help="Only this one, explained: source id, our id or address.")
    ] = None,
    folder: Folder = None,
    top: Annotated[
        int, typer.Option(help="Customers listed, those first whom it would cost most to lose.", min=0)
    ] = 10,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Tell how likely customers are to leave, what that rests on, and whether it held when it was tested."""
    from runner.app.called import contact_called
    from runner.churn import overview
    from runner.cli.churn_words import explained_lines, overview_lines

    with workspace(folder, at) as app:
        now = moment(app, at)
        if contact is None:
            told = overview.overview(app.store, app.settings, now, top=top)
            document, lines = told.document(), overview_lines(told)
        else:
            with app.store.read() as connection:
                who = contact_called(connection, contact)
            one = overview.explained(app.store, app.settings, now, who)
            if one is None:
                raise NeedsPerson(f"{contact} has never ordered: nothing says how likely the next order is")
            document, lines = one.document(), explained_lines(one)
        if as_json:
            print_json(document)
            return
        for line in lines:
            console().print(line)


def effect(
    folder: Folder = None,
    playbook: Annotated[str | None, typer.Option(help="Only this playbook.", metavar="ID")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="As it was known at this time.", metavar="TIME")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what playbooks changed: who was let in against the random holdout, with interval, money and verdict."""
    from runner.app.looking import measured
    from runner.cli.effect_words import effect_lines

    with workspace(folder) as app:
        found = measured(app, playbook, instant(as_of, app.settings.timezone) if as_of else None)
        if as_json:
            print_json(found.document())
            return
        for line in effect_lines(found):
            console().print(line)


def report(
    workspaces: Annotated[
        list[Path] | None, typer.Argument(metavar="WORKSPACE", help="Several, a report each; here where none is given.")
    ] = None,
    folder: Folder = None,
    per: Annotated[str, typer.Option(help="The last full week, month or quarter.")] = "month",
    on: Annotated[str | None, typer.Option("--on", help="As on this day; today unless told.", metavar="DAY")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the pages and PDFs go; `reports` of each unless told.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a period's figures as a page and a PDF, for colleagues or for an agency's clients."""
    from runner import clock
    from runner.app.digests import FOLDER, report_on, write_pages

    if per not in ("week", "month", "quarter"):
        raise WrongUsage(f"--per must be week, month or quarter, is {per!r}")
    documents = []
    places = workspaces or [folder_of(folder)]
    called = _told_apart(places)
    for place in places:
        with workspace(place) as app:
            now = moment(app, None)
            today = day(on) if on else clock.local(now, app.settings.timezone).date()
            told = report_on(app, per=per, day=today, now=now)
            # Several clients' reports in one folder are told apart by the workspace's name.
            prefix = f"{called[place.resolve()]}-" if out is not None else ""
            written = write_pages(told, out or app.folder / FOLDER, prefix)
            documents.append(told.document() | {"workspace": str(place), "files": [str(path) for path in written]})
            if not as_json:
                for path in written:
                    print(path)
    if as_json:
        print_json(documents)


def _told_apart(places: Sequence[Path]) -> Mapping[Path, str]:
    """Each folder's name, with as many of those above it as make them differ."""
    paths = list(dict.fromkeys(place.resolve() for place in places))
    deep = next(many for many in count(1) if len({path.parts[-many:] for path in paths}) == len(paths))
    return {path: "-".join(path.parts[-deep:]) for path in paths}


COMMANDS: Mapping[str, Callable[..., None]] = {"churn": churn, "effect": effect, "report": report}
