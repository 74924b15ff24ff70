"""Commands about what others tell us: token, import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.options import AsJson, Folder, counted, print_json, say, workspace
from runner.errors import WrongUsage


def token(
    action: Annotated[str, typer.Argument(metavar="add|list|revoke", help="What to do.")],
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Who tells by it; what they tell is kept under this name."),
    ] = None,
    scope: Annotated[str, typer.Option(help="What may be done by it.", metavar="events")] = "events",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Give a shop or product a token for /api/events, list tokens, or take them back. A new one is shown once."""
    from runner import collect

    actions = {"add": _add, "revoke": _revoke}
    if action not in (*actions, "list"):
        raise WrongUsage(f"there is no {action!r}; there are add, list and revoke")
    if scope not in list(collect.Scope):
        raise WrongUsage(f"there is no scope {scope!r}; there is {', '.join(collect.Scope)}")
    if action == "list":
        _list(folder, as_json=as_json)
    elif name is None:
        raise WrongUsage(f"`token {action}` needs a name")
    else:
        actions[action](folder, name, scope)


def _add(folder: Path | None, name: str, scope: str) -> None:
    from runner import collect
    from runner.app.hearing import may_tell

    with workspace(folder) as app:
        may_tell(app, name)
        token = collect.issue(app.store, name, collect.Scope(scope), app.now())
    say(f"{name} may tell of events by this token. It is not shown again:")
    print(token)


def _revoke(folder: Path | None, name: str, _: str) -> None:
    from runner import collect

    with workspace(folder) as app:
        gone = collect.revoke(app.store, name, app.now())
    if not gone:
        raise WrongUsage(f"{name!r} has no token; `regulars token list` names those that have")
    print(f"{counted(gone, 'token')} of {name} taken back")


def _list(folder: Path | None, *, as_json: bool) -> None:
    from runner import collect

    with workspace(folder) as app:
        tokens = collect.in_force(app.store)
    if as_json:
        print_json([{"name": one.name, "scope": one.scope, "created_at": one.created_at} for one in tokens])
    for one in () if as_json else tokens:
        print(f"{one.name}  {one.scope}  since {one.created_at:%Y-%m-%d %H:%M} UTC")
    if not tokens and not as_json:
        say("there are none; `regulars token add NAME --scope events` makes one")


COMMANDS: Mapping[str, Callable[..., None]] = {"token": token}
