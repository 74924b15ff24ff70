"""Commands that work: sync, plan, run, start."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.options import (
    AsJson,
    At,
    Folder,
    console,
    moment,
    print_json,
    print_json_lines,
    say,
    workspace,
)
from runner.errors import ExitCode, WrongUsage

if TYPE_CHECKING:
    from runner.app import App
    from runner.app.tick import Ticked


def sync(
    folder: Folder = None,
    full: Annotated[bool, typer.Option("--full", help="Look at everything, not only at what changed.")] = False,
    yes_delete: Annotated[bool, typer.Option("--yes-delete", help="Delete what is gone, however much.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Only tell what it would read, and its calls.")] = False,
    as_json: AsJson = False,
) -> None:
    """Pull contacts, deals and everything else from the connectors."""
    from runner.app import clockwork
    from runner.app.forecast import foresee
    from runner.app.tick import sync_all
    from runner.cli.progress import Progress
    from runner.cli.reports import sync_table

    if explain:
        _explain_sync(folder, full=full, as_json=as_json)
        return
    with workspace(folder) as app, Progress(quiet=as_json) as progress:
        _settle(app)
        if progress.shown:
            progress.expect(sum(one.rows for one in foresee(app, clockwork.last_moment(app), full=full)))
        news = sync_all(app, clockwork.last_moment(app), full=full, yes_delete=yes_delete, progress=progress.page)
    if as_json:
        print_json(news.document())
    elif news.synced:
        console().print(sync_table(news.synced))
    elif not app.settings.connectors:
        say("regulars.yaml names no connectors: there is nothing to sync")
    for words in (*news.failures, *news.waiting):
        say(words)
    sys.exit(ExitCode.OUTSIDE if news.failures else ExitCode.PERSON if news.waiting else ExitCode.DONE)


def _settle(app: App) -> None:
    """What connectors and their SDKs leave stays to the end: it is not gone through, 20 ms each time, for garbage."""
    import gc

    if app.sources:
        gc.freeze()


def _explain_sync(folder: Path | None, *, full: bool, as_json: bool) -> None:
    from runner.app import clockwork
    from runner.app.forecast import foresee
    from runner.cli.reports import forecast_table

    with workspace(folder) as app:
        foreseen = list(foresee(app, clockwork.last_moment(app), full=full))
    if as_json:
        print_json({"connectors": [one.document() for one in foreseen], "calls": sum(one.calls for one in foreseen)})
    elif foreseen:
        console().print(forecast_table(foreseen))
    else:
        say("no connector of this workspace makes calls")
    sys.exit(ExitCode.OUTSIDE if any(one.failure for one in foreseen) else ExitCode.DONE)


def plan(
    folder: Folder = None,
    at: At = None,
    playbook: Annotated[str | None, typer.Option(help="Only this playbook.", metavar="ID")] = None,
    diff: Annotated[bool, typer.Option("--diff", help="What edits since the last tick would do to people.")] = False,
    days: Annotated[int, typer.Option(help="With --diff: how far to look ahead.", min=0, max=400)] = 30,
    as_json: AsJson = False,
) -> None:
    """Tell who would get what, when and why; who not, and why not. Writes nothing."""
    if diff:
        _diff(folder, at, playbook, days, as_json=as_json)
        return
    from runner.app.entering import all_paused
    from runner.app.looking import left_out, planned
    from runner.cli.reports import plan_tables

    with workspace(folder, at) as app, planned(app, moment(app, at), playbook) as (rows, faults):
        if as_json:
            print_json_lines(row.document() for row in rows)
        else:
            for table in plan_tables(rows, zone=app.settings.timezone):
                console().print(table)
        existing, paused = left_out(app, moment(app, at), playbook), all_paused(app)
    for words in (*paused, *existing, *faults):
        say(str(words))
    sys.exit(ExitCode.PERSON if faults else ExitCode.DONE)


def _diff(folder: Path | None, at: str | None, playbook: str | None, days: int, *, as_json: bool) -> None:
    from runner.app.edits import edits
    from runner.cli.reports import difference_lines

    with workspace(folder, at) as app, edits(app, moment(app, at), playbook, days) as found:
        if as_json:
            documents = ((one.document(), [who.document() for who in people]) for one, people in found)
            print_json_lines({**one, "people": people} for one, people in documents)
            return
        told = False
        for one, people in found:
            for line in difference_lines(one, people, days=days, zone=app.settings.timezone):
                console().print(line)
            told = True
        if not told:
            print("No playbook was edited since the last tick.")


def run(
    folder: Folder = None,
    at: At = None,
    copy: Annotated[
        Path | None, typer.Option(help="With --at: work on a copy of the store in this file.", metavar="FILE")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, with --at, to a mailer on this machine.")] = False,
    as_json: AsJson = False,
) -> None:
    """Do one tick: sync, let people in, send what is due. What came back is taken in as well."""
    from runner.app import clockwork
    from runner.app.tick import tick

    if copy is not None and at is None:
        raise WrongUsage("--copy goes with --at")
    with workspace(folder, at) as app:
        if copy is not None:
            clockwork.move_to_copy(app, copy)
        clockwork.allow(app, at=app.now() if at else None, yes=yes)
        ticked = tick(app, app.now())
    _tell(ticked, as_json=as_json)
    sys.exit(ticked.exit_code)


def _tell(ticked: Ticked, *, as_json: bool) -> None:
    if as_json:
        print_json(ticked.document())
        return
    from runner.cli.reports import ticked_lines

    for line in ticked_lines(ticked):
        console().print(line)
    for fault in ticked.faults:
        say(str(fault))
    for words in (*ticked.failures, *ticked.waiting, *ticked.notes):
        say(words)


def start(
    folder: Folder = None,
    host: Annotated[str, typer.Option(help="Where the pages listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="And on which port; 0 takes a free one.", min=0, max=65535)] = 8080,
) -> None:
    """Run as a daemon: ticks by the schedule, pages, webhooks. Ends by SIGTERM, after the batch in hand."""
    import logging

    from runner.cli import logs
    from runner.daemon import serve
    from runner.web import Desk, create_app

    with workspace(folder) as app:
        logs.configure(logging.INFO)
        serve(app, lambda: create_app(Desk.of(app)), host=host, port=port)


COMMANDS: Mapping[str, Callable[..., None]] = {"sync": sync, "plan": plan, "run": run, "start": start}
