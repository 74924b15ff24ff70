"""The demo command: the whole job on a sample company."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.options import Folder, console, day, program, remembered_folder, say, workspace
from runner.errors import WrongUsage

if TYPE_CHECKING:
    from runner.app import App

#: Letters shown at the end, the newest.
SHOWN = 12


def demo(
    folder: Folder = None,
    seed: Annotated[int, typer.Option(help="Another number, another company.")] = 1,
    contacts: Annotated[int, typer.Option(help="How many people it knows.", min=1)] = 500,
    days: Annotated[int, typer.Option(help="How many days the playbooks run.", min=1, max=365)] = 90,
    until: Annotated[
        str | None, typer.Option(help="The day it ends; today where none is given.", metavar="DAY")
    ] = None,
    pages: Annotated[bool, typer.Option("--pages", help="Serve the pages of the demo that is there.")] = False,
) -> None:
    """Run the starter playbooks over a sample company. Day by day; then log and KPIs are shown."""
    from datetime import UTC, datetime

    from runner.cli.progress import Progress
    from runner.rehearsal import Rehearsal

    where = folder or remembered_folder() or Path("demo")
    if pages:
        _serve(where)
        return
    began = time.monotonic()
    last = day(until) if until else datetime.now(UTC).date()
    rehearsal = Rehearsal(where, seed=seed, contacts=contacts, until=last, days=days)
    with workspace(where) as app:
        with Progress() as progress:
            rehearsal.live(app, progress.day)
        _show(app, where, days, time.monotonic() - began)


def _show(app: App, where: Path, days: int, took: float) -> None:
    """What was sent to whom and why, what it brought, and where to look next."""
    from runner import log
    from runner.app.figuring import Question, figures
    from runner.app.tasks import open_tasks
    from runner.cli.log_tables import log_table
    from runner.cli.summary_tables import summary_table
    from runner.cli.tables import kpi_table

    zone, screen = app.settings.timezone, console()
    with app.store.read() as connection:
        newest = [row for row in log.rows(connection, status="done", limit=400) if row.send is not None][-SHOWN:]
        playbooks = log.summary(connection)
    screen.print(f"\nThe newest letters: to whom, and why. All of it: {program()} -C {where} log", style="bold")
    screen.print(log_table(newest, zone=zone))
    screen.print(f"\nWhat the playbooks did in {days} days", style="bold")
    screen.print(summary_table(playbooks))
    screen.print("\nWhat it brought", style="bold")
    screen.print(kpi_table(figures(app, Question().of_goals(app)), zone=zone, more=True))
    todo = open_tasks(app)
    next_looks = {
        "Tasks": f"{program()} -C {where} tasks   ({len(todo)} wait for people)",
        "Outbox": str((where / "outbox" / "index.html").resolve()),
        "Pages": f"{program()} demo -C {where} --pages   (surveys and unsubscribe links of those mails then work)",
        "Login": f"{program()} -C {where} user add you@example.com   (for how it runs, the log, people, figures)",
        "Person": f"{program()} -C {where} explain {newest[-1].contact.email if newest else 'ADDRESS'}",
    }
    screen.print("\nWhere to look next", style="bold")
    for what, where_to in next_looks.items():
        screen.print(f"{what:8}{where_to}", soft_wrap=True)
    say(f"Done in {took:.1f} s.")


def _serve(where: Path) -> None:
    """The pages that the demo's mails link to, at the time the demo ended."""
    import uvicorn

    from runner.app import logins
    from runner.app.clockwork import last_moment
    from runner.app.private import PRIVATE
    from runner.rehearsal import MARK
    from runner.store import rollups
    from runner.web import Desk, create_app

    if not (where / PRIVATE / MARK).exists():
        raise WrongUsage(f"there is no demo in {where}; run `regulars demo` first")
    with workspace(where) as app:
        moment = last_moment(app)
        app.now = lambda: moment
        # Days whose counts were never kept cost every visit a look at their rows.
        rollups.refresh(app.store)
        say("Serving the demo's pages on http://127.0.0.1:8080; Ctrl-C ends it. Open a mail in the outbox and click.")
        if not logins.anybody(app.store):
            say(f"For the pages behind the login: {program()} -C {where} user add you@example.com")
        uvicorn.run(create_app(Desk.of(app)), host="127.0.0.1", port=8080, log_config=None, access_log=False)


COMMANDS: Mapping[str, Callable[..., None]] = {"demo": demo}
