"""Commands about what others tell us: token, import."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.options import AsJson, Folder, counted, print_json, say, workspace
from runner.errors import ExitCode, WrongUsage


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


def import_(
    what: Annotated[str, typer.Argument(metavar="answers", help="What the file holds.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file, UTF-8, with a row of names.")],
    kind: Annotated[str, typer.Option(help="What was asked.", metavar="nps|csat|ces")] = "nps",
    score: Annotated[str | None, typer.Option(help="The column of the score.", metavar="COLUMN")] = None,
    email: Annotated[str | None, typer.Option(help="… of the address.", metavar="COLUMN")] = None,
    contact: Annotated[str | None, typer.Option(help="… of an id of theirs.", metavar="COLUMN")] = None,
    at: Annotated[str | None, typer.Option(help="… of the time of the answer.", metavar="COLUMN")] = None,
    comment: Annotated[str | None, typer.Option(help="… of the words.", metavar="COLUMN")] = None,
    response_id: Annotated[str | None, typer.Option("--id", help="… of the answer's id.", metavar="COLUMN")] = None,
    times: Annotated[
        str | None, typer.Option(help="How times are written, where not as ISO 8601: %d.%m.%Y %H:%M", metavar="FORMAT")
    ] = None,
    name: Annotated[str, typer.Option(help="Under which name they are kept.", metavar="NAME")] = "answers",
    folder: Folder = None,
) -> None:
    """Take in answers that another survey tool exported; people are found by their address."""
    from runner.app.importing import Export, import_answers

    if what != "answers":
        raise WrongUsage(f"{what!r} cannot be imported; answers can, and all else is a CSV connector's")
    if kind not in ("nps", "csat", "ces"):
        raise WrongUsage(f"--kind is nps, csat or ces, is {kind!r}")
    told = {"score": score, "email": email, "contact": contact, "at": at, "comment": comment, "id": response_id}
    columns = {ours: theirs for ours, theirs in told.items() if theirs is not None}
    with workspace(folder) as app:
        done = import_answers(app, file, Export(kind, columns, times), name=name)
    for fault in done.faults:
        print(fault)
    left = f", {counted(len({fault.line for fault in done.faults}), 'row')} at fault" if done.faults else ""
    empty = f", {counted(done.unanswered, 'row')} without a score" if done.unanswered else ""
    say(f"{counted(done.answers, 'answer')} taken in{empty}{left}; the next sync reads them")
    sys.exit(ExitCode.FAULT if done.faults else ExitCode.DONE)


COMMANDS: Mapping[str, Callable[..., None]] = {"token": token, "import": import_}
