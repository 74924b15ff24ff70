"""Commands about what people write: init, check, schema."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from textwrap import TextWrapper
from typing import Annotated, Any

import typer

from runner.cli.options import AsJson, Folder, counted, print_json, say, workspace
from runner.errors import ExitCode, Fault


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the workspace goes; made where it is not.")],
    consent: Annotated[
        str | None,
        typer.Option(
            metavar="required|assumed",
            help="Who may get marketing mail: those who said yes, or all who have not said no. Asked where it is not "
            "given; required where nobody can be asked.",
        ),
    ] = None,
) -> None:
    """Write a new workspace: settings, starter playbooks, templates."""
    from runner.app.starters import settings_with, write_workspace

    chosen = _consent(consent)
    written = write_workspace(folder, settings=settings_with(chosen))
    print(f"Wrote {written} files to {folder}, with consent: {chosen}. Next:")
    print(f"  regulars -C {folder} check    every mistake, with file and line")
    print(f"  regulars -C {folder} sync     pull contacts, once regulars.yaml names where they are")
    print(f"  regulars -C {folder} plan     who would get what, and who not and why")


_CONSENT = """\
Who may get marketing mail?
  required   only who said yes: there is a yes on record
  assumed    everybody who has not said no
Which of them is lawful for you, your lawyer knows. It is `consent:` in regulars.yaml"""


def _consent(given: str | None) -> str:
    """As asked for, else as answered, else the one that writes to nobody who has not said yes."""
    from runner.errors import WrongUsage

    if given is None and not sys.stdin.isatty():
        return "required"
    if given is None:
        given = typer.prompt(_CONSENT, default="required")
    if given not in ("required", "assumed"):
        raise WrongUsage(f"--consent is required or assumed, is {given!r}")
    return given


def check(folder: Folder = None, as_json: AsJson = False) -> None:
    """Name every mistake in settings, playbooks and templates."""
    from runner.app.check import check as check_all

    with workspace(folder) as app:
        checked = check_all(app)
    if as_json:
        print_json(checked.document())
    else:
        for fault in checked.faults:
            print(fault)
        _print_warnings(checked.warnings)
        faults, warnings = counted(len(checked.faults), "fault"), counted(len(checked.warnings), "warning")
        say(f"{checked.counted}, {faults}, {warnings}")
    sys.exit(ExitCode.FAULT if checked.faults else ExitCode.DONE)


def _print_warnings(warnings: Sequence[Fault]) -> None:
    """Grouped by file, each with its line and column before its words."""
    for file, told in groupby(warnings, key=lambda warning: warning.file):
        print(f"{file} (warnings)")
        for warning in told:
            place = f"{warning.line}:{warning.column}" if warning.line else ""
            where = f"{warning.where}: " if warning.where else ""
            advice = f"; {warning.advice}" if warning.advice else ""
            print(_WRAP.fill(f"  {place:<7} {where}{warning.message}{advice}"))


#: Lines of a small terminal; addresses and names are not cut.
_WRAP = TextWrapper(80, subsequent_indent=" " * 10, break_long_words=False, break_on_hyphens=False)


def schema(
    of: Annotated[str, typer.Argument(metavar="playbook|settings", help="Which file the schema is for.")] = "playbook",
) -> None:
    """Print the JSON Schema by which editors complete and check."""
    from runner.app.schema import playbook_schema, settings_schema
    from runner.errors import WrongUsage

    schemas: Mapping[str, Callable[[], dict[str, Any]]] = {"playbook": playbook_schema, "settings": settings_schema}
    if of not in schemas:
        raise WrongUsage(f"there is no schema for {of!r}; there are {' and '.join(schemas)}")
    print_json(schemas[of]())


COMMANDS: Mapping[str, Callable[..., None]] = {"init": init, "check": check, "schema": schema}
