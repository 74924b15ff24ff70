"""Commands that try: test, backtest, preview, send-test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.options import AsJson, Folder, console, counted, day, folder_of, print_json, say, workspace
from runner.errors import ExitCode

if TYPE_CHECKING:
    from runner.trial import Suite, Tried


def run_tests(
    playbooks: Annotated[
        list[str] | None, typer.Argument(metavar="PLAYBOOK", help="By id or file; all where none is named.")
    ] = None,
    folder: Folder = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Write the outcome as JUnit XML.", metavar="FILE")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the tests inside playbooks. Nothing is read from outside, written to the store, or sent."""
    from runner.cli import logs
    from runner.trial import suite_of, try_all, without_secrets

    logs.configure()
    began = datetime.now(UTC)
    with without_secrets(folder_of(folder)) as app:
        suite = suite_of(app, playbooks or ())
        done: list[Tried] = []
        for one in try_all(app, suite):
            done.append(one)
            if not as_json:
                _show(one)
    _end(suite, done, began, junit=junit, as_json=as_json)


def _show(one: Tried) -> None:
    from runner.cli.reports import tried_lines

    screen = console()
    for line in tried_lines(one):
        screen.print(line, soft_wrap=True)


def _end(suite: Suite, done: list[Tried], began: datetime, *, junit: Path | None, as_json: bool) -> None:
    from runner.trial import junit as as_junit

    if junit is not None:
        junit.parent.mkdir(parents=True, exist_ok=True)
        junit.write_text(as_junit(done, suite.faults, began), encoding="utf-8")
    ran = [each for one in done for each in one.ran]
    failed = sum(not each.passed for each in ran)
    if as_json:
        faults = [fault.document() for fault in suite.faults]
        print_json({"playbooks": [one.document() for one in done if one.ran], "faults": faults})
    else:
        for fault in suite.faults:
            print(fault)
        without = [one.playbook.id for one in done if not one.ran]
        if without:
            say(f"without tests: {', '.join(without)}")
        say(f"{counted(len(ran), 'test')}, {failed} failed, {counted(len(suite.faults), 'fault')}")
    sys.exit(ExitCode.FAULT if failed or suite.faults else ExitCode.DONE)


def backtest(
    playbook: Annotated[str, typer.Argument(metavar="PLAYBOOK", help="By id.")],
    folder: Folder = None,
    first: Annotated[
        str | None,
        typer.Option("--from", help="The first day; a year before the last where none is given.", metavar="DAY"),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="The first day after it; today unless given.", metavar="DAY")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a playbook would have done in a past span: how often, whom, how many mails. Nothing is sent."""
    from runner import clock
    from runner.app.clockwork import last_moment
    from runner.cli.progress import Progress
    from runner.cli.reports import backtest_lines
    from runner.trial import backtest as lived

    with workspace(folder) as app, Progress(quiet=as_json) as progress:
        end = day(last) if last else clock.local(last_moment(app), app.settings.timezone).date()
        told = lived(app, playbook, day(first) if first else end - timedelta(days=365), end, progress.day)
    if as_json:
        print_json(told.document())
        return
    for line in backtest_lines(told):
        console().print(line)


What = Annotated[str, typer.Argument(metavar="TEMPLATE|PLAYBOOK", help="email/thanks, or a playbook's id.")]
Step = Annotated[str | None, typer.Argument(metavar="STEP", help="Which mail, where a playbook has several.")]
Contact = Annotated[
    str | None,
    typer.Option(help="For whom: source id, our id or address; a sample person where none is named.", metavar="C"),
]


def preview(
    what: What,
    step: Step = None,
    contact: Contact = None,
    folder: Folder = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the HTML to a file.", metavar="FILE")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a mail as a send would make it. Nothing is written or sent; its links lead nowhere."""
    from runner.app import preview as previewing

    with workspace(folder) as app:
        shown = previewing.preview(app, what, step, contact)
    if html is not None:
        html.write_text(shown.html, encoding="utf-8")
        say(f"wrote {html}")
    if as_json:
        print_json(shown.document())
    elif html is None:
        for name, value in {"Subject": shown.subject, **shown.headers}.items():
            print(f"{name}: {value}")
        print(f"\n{shown.text}", end="")


def send_test(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Who gets it.")],
    what: What,
    step: Step = None,
    contact: Contact = None,
    folder: Folder = None,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, through the real mailer.")] = False,
) -> None:
    """Send one mail for a look, marked as a test, through the account's mailer."""
    from connectors.base import Verdict
    from runner.app import preview as previewing

    with workspace(folder) as app:
        if app.mailer.real and not yes and not typer.confirm(f"Send it to {address} through {app.plugs.mailer_name}?"):
            raise typer.Abort
        outcome = previewing.send_test(app, address, what, step, contact)
        name = app.plugs.mailer_name
    if outcome.verdict is not Verdict.ACCEPTED:
        say(f"{name}: {outcome.verdict}, {outcome.reason or 'no reason given'}")
        sys.exit(ExitCode.OUTSIDE)
    print(f"{name} took it for {address}.")


COMMANDS: Mapping[str, Callable[..., None]] = {
    "test": run_tests,
    "backtest": backtest,
    "preview": preview,
    "send-test": send_test,
}
