"""A playbook's door: the statements by which people enter, built once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from runner.enroll import writing
from runner.enroll.candidates import arriving, candidates
from runner.news import Search, looked_by
from runner.playbook import Playbook
from runner.settings import Settings
from runner.store import Store
from runner.triggers import Standing, Window


class Door:
    """The statements by which people enter a playbook, built once and executed at every tick with its window."""

    def __init__(self, store: Store, playbook: Playbook, window: Window, settings: Settings) -> None:
        #: Held so that nothing else gets its identity.
        self.playbook = playbook
        self.search = Search(playbook, window)
        #: Everybody, and those whom it was narrowed to.
        self.all = Standing(replace(window, among=None))
        self.some = Standing(replace(window, among=()))
        self._store, self._settings = store, settings

    def move(self, window: Window, among: Sequence[int] | None = None) -> None:
        (self.all if among is None else self.some).move(replace(window, among=among))

    @cached_property
    def news_of_all(self) -> sa.Select[Any]:
        return arriving(self.playbook, candidates(self.playbook, self.all, self._settings))

    @cached_property
    def news_of_some(self) -> sa.Select[Any]:
        return arriving(self.playbook, self._candidates)

    @cached_property
    def turned(self) -> sa.Executable | None:
        return self.playbook.trigger.turned(self.all)

    @cached_property
    def refuse(self) -> Any:
        return writing.refused(self._store, self.playbook, self.some, self._rows)

    @cached_property
    def let_in(self) -> Any:
        return writing.entries(self._store, self.playbook, self.some, self._rows)

    @cached_property
    def forget(self) -> Any:
        return writing.forgotten_refusals(self.playbook, self.some)

    @cached_property
    def hold_out(self) -> Any:
        return writing.held_out(self._store, self.playbook, self.some)

    @cached_property
    def stands(self) -> sa.Select[Any]:
        """The first occasion of the people it was narrowed to, with what keeps them out of it."""
        return self._rows.limit(1)

    @cached_property
    def watch(self) -> Sequence[Any]:
        return self.playbook.trigger.transitions(self.some, self._store)

    @cached_property
    def looked_by(self) -> str:
        """By what else it looks than by the people, as `news.looked_by`."""
        return looked_by(self.playbook, self.all, self._settings)

    @cached_property
    def _candidates(self) -> sa.Select[Any]:
        return candidates(self.playbook, self.some, self._settings)

    @cached_property
    def _rows(self) -> sa.Select[Any]:
        return sa.select(self._candidates.subquery("candidate"))


#: Doors a store keeps. A playbook that changes, or whose fields do, is read again and so gets another one.
_KEPT = 256


def door_of(store: Store, playbook: Playbook, window: Window, settings: Settings) -> Door:
    doors: dict[tuple[object, ...], Door] = store.kept.setdefault(Door, {})
    key = (id(playbook), settings.customers, settings.currency, window.max_lateness)
    door = doors.get(key)
    if door is None or door.playbook is not playbook:
        if len(doors) >= _KEPT:
            doors.pop(next(iter(doors)))
        door = doors[key] = Door(store, playbook, window, settings)
    return door
