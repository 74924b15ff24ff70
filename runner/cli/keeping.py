"""Commands about what is kept of people: reclassify, export, erase."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from runner.cli.options import AsJson, Folder, print_json, workspace


def reclassify(folder: Folder = None, as_json: AsJson = False) -> None:
    """Judge anew, after a rule or a setting has changed, which opens and clicks were a person's."""
    from runner.app import people

    with workspace(folder) as app:
        done = people.reclassify(app)
    if as_json:
        print_json({"letters": done.letters, "changed": done.changed})
    else:
        print(f"{done.letters:,} letters that somebody or something opened: {done.changed:,} are judged otherwise now.")


Who = Annotated[str, typer.Argument(metavar="CONTACT", help="Source id, our id or address.")]


def export(contact: Who, folder: Folder = None) -> None:
    """Print everything that is kept about a person, as JSON: for the person who asks for it."""
    from runner.app import people

    with workspace(folder) as app:
        print_json(people.export(app, contact))


def erase(
    contact: Who,
    folder: Folder = None,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, for good.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget who a person is, for good. What was done stays counted; no sync brings them back."""
    from runner.app import people
    from runner.cli.options import say

    with workspace(folder) as app:
        if not yes and not typer.confirm(f"Erase all that says who {contact} is? It cannot be undone."):
            raise typer.Abort
        done = people.erase(app, contact)
        rehearsed = not app.mailer.real
    if as_json:
        print_json({"contact": done.contact, "rows": done.rows, "bodies": done.bodies})
    else:
        print(f"Contact {done.contact} is erased: {sum(done.rows.values()):,} rows in {len(done.rows)} tables.")
    if rehearsed:
        say("Mails in the outbox's folder are files: delete those that went to them. So are backups and archives.")


COMMANDS: Mapping[str, Callable[..., None]] = {"reclassify": reclassify, "export": export, "erase": erase}
