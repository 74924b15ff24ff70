"""One person enters because somebody calls them in."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from runner.enroll.door import Door
from runner.enroll.writing import end_earlier
from runner.playbook import Playbook
from runner.settings import Settings
from runner.store import Store, changed
from runner.store.tables import decisions
from runner.triggers import Window
from runner.triggers.manual import Called

#: Why nobody who was deleted or merged can be called in.
GONE = "the contact was deleted or merged into another one"


def call_in(
    store: Store, playbook: Playbook, window: Window, settings: Settings, contact: int, call: str
) -> str | None:
    """Lets one person in whom somebody calls; what kept them out, if anything did. The trigger goes on as it was."""
    called = replace(playbook, trigger=Called(contact=contact, call=call, at=window.now))
    door = Door(store, called, window, settings)
    door.move(window, [contact])
    with store.write() as connection:
        refused = changed(connection, door.refuse)
        entered = changed(connection, door.let_in)
        if entered and playbook.keys.mode == "restart":
            end_earlier(store, connection, playbook, door.some)
        held_out = changed(connection, door.hold_out) if entered else 0
        if entered and not held_out:
            return None
        told = sa.select(decisions.c.reason).where(
            decisions.c.playbook == playbook.id,
            decisions.c.contact_id == contact,
            decisions.c.occasion == f"call {call}",
            decisions.c.step == "",
        )
        return str(connection.scalar(told)) if refused or held_out else GONE
