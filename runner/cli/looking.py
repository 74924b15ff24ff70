"""Commands that look: log, explain, doctor, tasks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.options import (
    AsJson,
    At,
    Folder,
    console,
    instant,
    moment,
    print_json,
    print_json_lines,
    workspace,
)
from runner.errors import ExitCode, WrongUsage


def log(
    folder: Folder = None,
    playbook: Annotated[str | None, typer.Option(help="Only this playbook.", metavar="ID")] = None,
    contact: Annotated[str | None, typer.Option(help="Only this contact: source id, our id or address.")] = None,
    status: Annotated[str | None, typer.Option(help="done, held, skipped, ended, failed or unsure.")] = None,
    reason: Annotated[str | None, typer.Option(help="Words that stand in the reason.", metavar="TEXT")] = None,
    since: Annotated[str | None, typer.Option(help="From this time on.", metavar="TIME")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time.", metavar="TIME")] = None,
    limit: Annotated[int | None, typer.Option(help="The newest rows, so many.", min=1)] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="What each playbook did, and what became of its mail.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show every decision, done or not, with its reason. Oldest first."""
    from runner import log as action_log
    from runner.app.called import contact_called, must_be_known
    from runner.cli.log_tables import log_pages

    if status is not None and status not in action_log.STATUSES:
        raise WrongUsage(f"there is no status {status!r}; there are {', '.join(action_log.STATUSES)}")
    if summary:
        _summary(folder, since, narrowed=any((playbook, contact, status, reason, until, limit)), as_json=as_json)
        return
    with workspace(folder) as app, app.store.read() as connection:
        who = contact_called(connection, contact) if contact else None
        if playbook is not None:
            must_be_known(app, connection, playbook)
        start, end = (instant(time, app.settings.timezone) if time else None for time in (since, until))
        rows = action_log.rows(
            connection,
            playbook=playbook,
            contact=who,
            status=status,
            reason=reason,
            since=start,
            until=end,
            limit=limit,
        )
        if as_json:
            print_json_lines(row.document() for row in rows)
            return
        shown = False
        for table in log_pages(rows, zone=app.settings.timezone):
            console().print(table)
            shown = True
        if not shown:
            print("No decision fits.")


def _summary(folder: Path | None, since: str | None, *, narrowed: bool, as_json: bool) -> None:
    from runner import log as action_log
    from runner.cli.summary_tables import mail_table, summary_table

    if narrowed:
        raise WrongUsage("--summary tells of all playbooks; only --since narrows it")
    with workspace(folder) as app, app.store.read() as connection:
        start = instant(since, app.settings.timezone) if since else None
        told = action_log.summary(connection, start)
    if as_json:
        print_json([one.document() for one in told])
        return
    for table in (summary_table(told), mail_table(told)):
        console().print(table)


def explain(
    contact: Annotated[str, typer.Argument(metavar="CONTACT", help="Source id, our id or address.")],
    playbook: Annotated[str | None, typer.Argument(metavar="PLAYBOOK", help="Only this one.")] = None,
    folder: Folder = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Tell why each playbook did, does or does not reach a contact."""
    from runner.app.looking import explained
    from runner.cli.reports import explain_lines

    with workspace(folder, at) as app:
        person, told = explained(app, contact, playbook, moment(app, at))
        if as_json:
            print_json({"contact": person, "playbooks": [one.document() for one in told]})
            return
        for line in explain_lines(person, told, zone=app.settings.timezone):
            console().print(line)


def doctor(folder: Folder = None, as_json: AsJson = False) -> None:
    """Look for trouble: settings, connectors, addresses, sends."""
    from runner.app.doctor import examine
    from runner.cli.reports import doctor_table

    with workspace(folder) as app:
        found = examine(app)
    if as_json:
        print_json(found.document())
    else:
        console().print(doctor_table(found))
    sys.exit(ExitCode.PERSON if found.needs_person else ExitCode.DONE)


def tasks(folder: Folder = None, as_json: AsJson = False) -> None:
    """List what playbooks gave people to do, the most urgent first."""
    from runner.app.tasks import open_tasks
    from runner.cli.reports import task_table

    with workspace(folder) as app:
        found = open_tasks(app)
        if as_json:
            print_json(found)
        else:
            console().print(task_table(found, zone=app.settings.timezone))


COMMANDS: Mapping[str, Callable[..., None]] = {
    "log": log,
    "explain": explain,
    "doctor": doctor,
    "tasks": tasks,
}
