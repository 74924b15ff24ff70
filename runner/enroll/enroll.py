"""Whoever has arrived enters, once per occasion; who fired and may not is written down with the reason."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from runner.brake import hold, note_brake, too_many
from runner.enroll.door import Door, door_of
from runner.enroll.looking import LOOKED_AT, Arrivals, portions
from runner.enroll.writing import end_earlier
from runner.playbook import Playbook
from runner.settings import Brake, Settings
from runner.store import Store, changed, look_by_index
from runner.store.tables import playbooks
from runner.triggers import Window

#: People who enter in one transaction: others write meanwhile.
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Entered:
    """What one playbook's tick did to its door."""

    playbook: str
    entered: int = 0
    holdout: int = 0
    refused: int = 0
    #: People held back by the brake until somebody approves.
    braked: int = 0

    def __add__(self, other: Entered) -> Entered:
        counts = (getattr(self, name) + getattr(other, name) for name in ("entered", "holdout", "refused", "braked"))
        return Entered(self.playbook, *counts)


def enroll(
    store: Store, playbook: Playbook, window: Window, settings: Settings, arrivals: Arrivals, *, brake: Brake | None
) -> Entered:
    """Lets everybody in who has arrived: one INSERT … SELECT a portion of people, nobody twice for one occasion."""
    door = door_of(store, playbook, window, settings)
    held = bool(arrivals.treated) and too_many(store, playbook, brake, arrivals.treated)
    did = Entered(playbook.id)
    together = portions(arrivals.contacts, AT_ONCE)
    for portion in together:
        door.move(window, portion)
        with store.write() as connection:
            look_by_index(connection)
            did += _let_in(store, connection, door, window, arrivals, held=held)
            if held and portion is together[-1]:
                note_brake(connection, playbook, window)
    if playbook.trigger.watches is not None and (window.first_look or arrivals.among):
        _watch(store, door, window, arrivals)
    return did


def _let_in(
    store: Store, connection: sa.Connection, door: Door, window: Window, arrivals: Arrivals, *, held: bool
) -> Entered:
    refused = changed(connection, door.refuse) if arrivals.refused else 0
    entered = changed(connection, door.let_in) if arrivals.welcome else 0
    holdout = braked = 0
    if entered:
        connection.execute(door.forget)
        if door.playbook.keys.mode == "restart":
            end_earlier(store, connection, door.playbook, door.some)
        holdout = changed(connection, door.hold_out)
        braked = hold(store, connection, door.playbook, window) if held else 0
    return Entered(door.playbook.id, entered - holdout - braked, holdout, refused, braked)


def _watch(store: Store, door: Door, window: Window, arrivals: Arrivals) -> None:
    """Keeps the states that the trigger found, in the transaction that says when: the next tick goes by both."""
    looked = {"last_tick_at": window.now, "watched": door.playbook.trigger.watches}
    with store.write() as connection:
        look_by_index(connection)
        for among in portions(arrivals.among or (), LOOKED_AT):
            door.move(window, among)
            for transition in door.watch:
                connection.execute(transition)
        connection.execute(playbooks.update().where(playbooks.c.id == door.playbook.id).values(**looked))
