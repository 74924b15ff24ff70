"""Commands that measure: churn, effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from runner.cli.options import AsJson, At, Folder, console, instant, moment, print_json, workspace
from runner.errors import NeedsPerson


def churn(
    contact: Annotated[
        str | None, typer.Argument(metavar="CONTACT", help="Only this one, explained: source id, our id or address.")
    ] = None,
    folder: Folder = None,
    top: Annotated[
        int, typer.Option(help="Customers listed, those first whom it would cost most to lose.", min=0)
    ] = 10,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Tell how likely customers are to leave, what that rests on, and whether it held when it was tested."""
    from runner.app.looking import contact_called
    from runner.churn import overview
    from runner.cli.churn_words import explained_lines, overview_lines

    with workspace(folder, at) as app:
        now = moment(app, at)
        if contact is None:
            told = overview.overview(app.store, app.settings, now, top=top)
            document, lines = told.document(), overview_lines(told)
        else:
            with app.store.read() as connection:
                who = contact_called(connection, contact)
            one = overview.explained(app.store, app.settings, now, who)
            if one is None:
                raise NeedsPerson(f"{contact} has never ordered: nothing says how likely the next order is")
            document, lines = one.document(), explained_lines(one)
        if as_json:
            print_json(document)
            return
        for line in lines:
            console().print(line)


def effect(
    folder: Folder = None,
    playbook: Annotated[str | None, typer.Option(help="Only this playbook.", metavar="ID")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="As it was known at this time.", metavar="TIME")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what playbooks changed: who was let in against the random holdout, with interval, money and verdict."""
    from runner.app.looking import measured
    from runner.cli.effect_words import effect_lines

    with workspace(folder) as app:
        found = measured(app, playbook, instant(as_of, app.settings.timezone) if as_of else None)
        if as_json:
            print_json(found.document())
            return
        for line in effect_lines(found):
            console().print(line)


COMMANDS: Mapping[str, Callable[..., None]] = {"churn": churn, "effect": effect}
