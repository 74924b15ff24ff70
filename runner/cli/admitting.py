"""The command about who may open the pages: user."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.options import AsJson, Folder, print_json, say, workspace
from runner.errors import NeedsPerson, WrongUsage


def user(
    action: Annotated[str, typer.Argument(metavar="add|list|password|remove", help="What to do.")],
    email: Annotated[str | None, typer.Argument(metavar="EMAIL", help="Whose login.")] = None,
    role: Annotated[str, typer.Option(help="May look and decide, or only look.", metavar="admin|reader")] = "admin",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input; else it is asked for.")
    ] = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Give somebody a login for the pages, list logins, change a password, or take a login back."""
    from runner.app.logins import Role

    if action not in ("add", "list", "password", "remove"):
        raise WrongUsage(f"there is no {action!r}; there are add, list, password and remove")
    if role not in list(Role):
        raise WrongUsage(f"there is no role {role!r}; there are {' and '.join(Role)}")
    if action == "list":
        _list(folder, as_json=as_json)
    elif email is None:
        raise WrongUsage(f"`user {action}` needs an address")
    elif action == "remove":
        _remove(folder, email)
    else:
        _set(folder, email, Role(role) if action == "add" else None, from_stdin=password_stdin)


def _set(folder: Path | None, email: str, role: str | None, *, from_stdin: bool) -> None:
    """A new login in a role, or, without one, another password."""
    from runner import clock
    from runner.app import logins

    with workspace(folder) as app:
        password = _password(from_stdin=from_stdin)
        if role is None:
            logins.change_password(app.store, email, password)
            say(f"{email} has another password; whoever was logged in by the old one no longer is.")
        else:
            logins.admit(app.store, email, password, logins.Role(role), clock.machine_now())
            say(f"{email} may log in as {role}.")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise NeedsPerson("nobody can be asked for a password here; give it with --password-stdin")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _remove(folder: Path | None, email: str) -> None:
    from runner.app import logins

    with workspace(folder) as app:
        logins.dismiss(app.store, email)
    say(f"{email} may not log in any more.")


def _list(folder: Path | None, *, as_json: bool) -> None:
    from runner.app import logins

    with workspace(folder) as app:
        told = logins.admitted(app.store)
    if as_json:
        print_json([{"email": one.email, "role": one.role, "created_at": one.created_at} for one in told])
        return
    for one in told:
        print(f"{one.email}  {one.role}  since {one.created_at:%Y-%m-%d %H:%M} UTC")
    if not told:
        say("there are none; `regulars user add EMAIL` makes one")


COMMANDS: Mapping[str, Callable[..., None]] = {"user": user}
