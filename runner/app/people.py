"""What is done with what is kept about people: judged anew, handed out, erased."""

from __future__ import annotations

from runner import collect
from runner.app.app import App
from runner.app.clockwork import last_moment


def reclassify(app: App) -> collect.Rejudged:
    """Every open and click by the rules and settings as they are now."""
    return collect.reclassify(app.store, last_moment(app), collect.Machines.of(app.settings))
