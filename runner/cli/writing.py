"""Commands about what people write: init, check, schema."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from runner.cli.options import AsJson, Folder, counted, print_json, say, workspace
from runner.errors import ExitCode


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the workspace goes; made where it is not.")],
) -> None:
    """Write a new workspace: settings, starter playbooks, templates."""
    from runner.app.starters import write_workspace

    written = write_workspace(folder)
    print(f"Wrote {written} files to {folder}. Next:")
    print(f"  regulars -C {folder} check    every mistake, with file and line")
    print(f"  regulars -C {folder} sync     pull contacts, once regulars.yaml names where they are")
    print(f"  regulars -C {folder} plan     who would get what, and who not and why")


def check(folder: Folder = None, as_json: AsJson = False) -> None:
    """Name every mistake in settings, playbooks and templates."""
    from runner.app import check as check_all

    with workspace(folder) as app:
        checked = check_all(app)
    if as_json:
        print_json(checked.document())
    else:
        for warning in checked.warnings:
            print(f"{warning} (warning)")
        for fault in checked.faults:
            print(fault)
        healthy = sum(reading.playbook is not None for reading in checked.readings)
        faults, warnings = counted(len(checked.faults), "fault"), counted(len(checked.warnings), "warning")
        say(f"{healthy} of {len(checked.readings)} playbooks healthy, {faults}, {warnings}")
    sys.exit(ExitCode.FAULT if checked.faults else ExitCode.DONE)


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
