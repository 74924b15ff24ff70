"""`regulars`: the commands, and how each of them ends."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from runner.cli import (
    admitting,
    deciding,
    figures,
    keeping,
    looking,
    measuring,
    rehearsing,
    rewards,
    running,
    telling,
    testing,
    voices,
    writing,
)
from runner.cli.options import Folder, remember_folder
from runner.errors import ExitCode, RegularsError

app = typer.Typer(
    name="regulars",
    help="Turns customers into regulars: playbooks in YAML, run over the contacts of a CRM.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"regulars {version('regulars')}")
        raise typer.Exit


@app.callback()
def regulars(
    folder: Folder = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    remember_folder(folder)


for module in (
    *(writing, testing, running, looking, voices, rewards, figures, measuring),
    *(deciding, keeping, telling, admitting, rehearsing),
):
    for name, command in module.COMMANDS.items():
        app.command(name)(command)


def main() -> None:
    """Runs one command; expected failures are a message and an exit code, never a traceback."""
    _write_what_can_be_shown()
    try:
        app(standalone_mode=False)
        sys.stdout.flush()
    except RegularsError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except typer.Exit as ending:
        sys.exit(ending.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        print("stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        _leave_quietly()
    except Exception as error:
        sys.exit(_told(error))


def _write_what_can_be_shown() -> None:
    """A terminal that lacks a letter of somebody's name shows a question mark, and the rest."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _leave_quietly() -> None:
    """Whoever read the output has gone: nothing more is written, not even what Python would say of it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _told(error: Exception) -> int:
    """A wrong call or an outside system's failure in words; anything else is our own fault and shows its traceback."""
    if hasattr(error, "show") and hasattr(error, "exit_code"):
        error.show()
        return ExitCode.USAGE
    from connectors.errors import ConnectorError

    if isinstance(error, ConnectorError):
        print(error, file=sys.stderr)
        return ExitCode.OUTSIDE
    from sqlalchemy.exc import DatabaseError, OperationalError

    if isinstance(error, OperationalError) and not _is_our_mistake(str(error.orig)):
        print(f"the store cannot be reached: {error.orig}", file=sys.stderr)
        return ExitCode.OUTSIDE
    if isinstance(error, DatabaseError) and "not a database" in str(error.orig):
        print(f"the store's file is no store: {error.orig}", file=sys.stderr)
        return ExitCode.OUTSIDE
    raise error


def _is_our_mistake(words: str) -> bool:
    """SQLite calls a statement it does not understand by the same name as a disk that is full."""
    return any(sign in words for sign in ("syntax error", "no such ", "too many SQL variables", "has no column"))
