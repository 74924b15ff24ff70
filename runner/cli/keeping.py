"""Commands about what is kept of people: reclassify, export, erase."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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


COMMANDS: Mapping[str, Callable[..., None]] = {"reclassify": reclassify}
