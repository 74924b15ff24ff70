"""What is watched of each contact and fires when it turns so: once an episode, over restarts, by rows of the store."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

import sqlalchemy as sa

from runner.duration import Duration
from runner.store import Store
from runner.store.functions import json_object, seconds_after
from runner.store.tables import companies, contacts, trigger_states
from runner.store.types import Instant
from runner.triggers.base import Trigger, match_columns
from runner.triggers.window import Window

states = trigger_states.c


class StateTrigger(Trigger):
    """Fires when a state begins. What was so when it first looked, or when a contact first appeared, is existing."""

    silence: ClassVar[str] = "it has not turned so"

    #: Whether those of whom it was so before the playbook looked enter too.
    existing: Literal["skip", "enter"] = "skip"

    @abstractmethod
    def begins(self, window: Window) -> Any:
        """Whether it is so for a row of `contacts` (and `companies`); never NULL."""

    @abstractmethod
    def ends(self, window: Window) -> Any:
        """Whether it is so no longer; never NULL. Of whom neither is said the state stays."""

    def flips(self, window: Window) -> Any:
        """For whom time alone may change whether it is so, as `Condition.flips`; None: nobody can tell."""
        return sa.false()

    def may_turn(self, window: Window) -> bool:
        """Whether the time that passes in the window changes it for anybody."""
        return False

    @property
    def held_for(self) -> Duration | None:
        """How long it must be so before it fires."""
        return None

    @property
    def knows_the_unseen(self) -> bool:
        """Whether somebody without a row is one of whom it was not so; else their first look is existing."""
        return True

    def seen(self, window: Window) -> Any:
        """Whether there is anything to see; who is seen for the first time gets a row."""
        return sa.false()

    @property
    def watches(self) -> str:
        """Another question has other states: what is so by the new one was so before it was asked."""
        asked = self.model_dump_json(exclude={"existing", "for_"})
        return hashlib.sha256(f"{self.name} {asked}".encode()).hexdigest()[:12]

    # --- whom a tick looks at

    def comes_due(self, window: Window) -> bool:
        return self.held_for is not None or self.may_turn(window)

    def due(self, window: Window, newest: Window) -> sa.SelectBase:
        """Of whom time turned it, either way, and of whom it has been so for long enough."""
        number = [contacts.c.id.label("contact_id")]
        turned = sa.or_(sa.and_(self.begins(window), _off()), sa.and_(states.holds, self.ends(window)))
        flips = self.flips(window)
        found = self._looked_at(window, number).where(turned, sa.true() if flips is None else flips)
        if self.held_for is None:
            return found
        return found.union_all(self._held(window, number, lambda w: w.since))

    def turned(self, window: Window) -> sa.Executable:
        looked_at = self._looked_at(window, [contacts.c.id.label("contact_id")])
        begins, without_row = self.begins(window), states.contact_id.is_(None)
        # What needs no state is asked first: a row is looked up for few.
        turned = looked_at.where(
            sa.or_(begins, self.seen(window)), sa.or_(without_row, sa.and_(sa.not_(states.holds), begins))
        )
        lately = self._standing(window).subquery("lately")
        return sa.union_all(turned, looked_at.where(states.holds, self.ends(window)), sa.select(lately.c.contact_id))

    # --- who fires

    def matches(self, window: Window) -> sa.Select[Any]:
        both = sa.union_all(*self._fired(window)).subquery("either")
        return sa.select(*both.c)

    def _fired(self, window: Window) -> list[sa.Select[Any]]:
        if self.held_for is not None:
            return [self._standing(window)]
        return [self._rising(window), self._standing(window)]

    def _rising(self, window: Window) -> sa.Select[Any]:
        """Of whom it turns so in this very tick."""
        now = window.value(lambda w: w.now, Instant())
        chosen = self._looked_at(window, self._match(self._next_episode(), now, now, window))
        return chosen.where(self.begins(window), _off(), self._counts(self._is_existing(window)))

    def _standing(self, window: Window) -> sa.Select[Any]:
        """Of whom it turned so at an earlier tick, for as long as those who were kept out may still come in."""
        wait = self.held_for.span.total_seconds() if self.held_for is not None else 0
        due = seconds_after(states.since, wait) if wait else states.since
        columns = self._match(states.episode, due, states.since, window)
        held = self._held(window, columns, self._back_to)
        return held.where(sa.not_(self.ends(window)), self._counts(states.existing))

    def _held(self, window: Window, columns: Sequence[Any], back_to: Callable[[Window], datetime]) -> sa.Select[Any]:
        """Of whom it has been so for long enough since a while ago, and not for longer."""
        wait = self.held_for.span if self.held_for is not None else timedelta()
        since = window.value(lambda w: back_to(w) - wait, Instant())
        until = window.value(lambda w: w.now - wait, Instant())
        return self._looked_at(window, columns).where(states.holds, states.since > since, states.since <= until)

    def _match(self, episode: Any, occurred_at: Any, since: Any, window: Window) -> list[Any]:
        occasion = sa.literal("episode ") + sa.cast(episode, sa.Text)
        facts = json_object(*self.told(window), "since", since)
        return match_columns(occasion=occasion, occurred_at=occurred_at, facts=facts)

    def told(self, window: Window) -> Sequence[Any]:
        """Names and values in turn that are kept with an enrollment."""
        return ()

    def _back_to(self, window: Window) -> datetime:
        """A state is never too late by itself; but nobody enters for one that began long ago."""
        return max(window.first - _INSTANT, min(window.since, window.now - window.max_lateness.span))

    def _counts(self, existing: Any) -> Any:
        return sa.true() if self.existing == "enter" else sa.not_(existing)

    def left_out(self, window: Window) -> sa.Select[Any] | None:
        if self.existing == "enter" or not window.first_look:
            return None
        return self._looked_at(window, [sa.func.count()]).where(self.begins(window), _off())

    # --- what is written of it

    def transitions(self, window: Window, store: Store) -> Sequence[sa.Executable]:
        return [self._ended(window), self._begun(window, store), self._first_seen(window, store)]

    def _ended(self, window: Window) -> sa.Executable:
        gone = self._looked_at(window, [contacts.c.id]).where(states.holds, self.ends(window))
        return (
            trigger_states.update()
            .where(states.playbook == window.playbook, states.holds, states.contact_id.in_(gone))
            .values(holds=False, since=window.value(lambda w: w.now, Instant()))
        )

    def _begun(self, window: Window, store: Store) -> sa.Executable:
        now = window.value(lambda w: w.now, Instant())
        row = [
            sa.literal(window.playbook),
            contacts.c.id,
            self._next_episode(),
            sa.true(),
            self._is_existing(window),
            now,
        ]
        return _keep(store, self._looked_at(window, row).where(self.begins(window), _off()))

    def _first_seen(self, window: Window, store: Store) -> sa.Executable:
        now = window.value(lambda w: w.now, Instant())
        row = [sa.literal(window.playbook), contacts.c.id, sa.literal(0), sa.false(), sa.false(), now]
        return _keep(store, self._looked_at(window, row).where(self.seen(window), states.contact_id.is_(None)))

    # --- what both look at

    def _looked_at(self, window: Window, columns: Sequence[Any]) -> sa.Select[Any]:
        """Those among whom is looked, or everybody, with their company and their state."""
        mine = sa.and_(states.playbook == window.playbook, states.contact_id == contacts.c.id)
        return (
            sa.select(*columns)
            .join_from(contacts, companies, companies.c.id == contacts.c.company_id, isouter=True)
            .outerjoin(trigger_states, mine)
            .where(contacts.c.merged_into.is_(None), contacts.c.deleted_at.is_(None), window.concerns(contacts.c.id))
        )

    def _next_episode(self) -> Any:
        return sa.func.coalesce(states.episode, 0) + 1

    def _is_existing(self, window: Window) -> Any:
        """It was so before: when the trigger first looked, when the contact appeared, or of one who was merged."""
        first_look = window.value(lambda w: w.first_look, sa.Boolean())
        since = window.value(lambda w: w.since, Instant())
        theirs, other = trigger_states.alias("theirs"), contacts.alias("other")
        was_so = (
            sa.select(other.c.merged_into)
            .join(theirs, theirs.c.contact_id == other.c.id)
            .where(other.c.merged_into.is_not(None), theirs.c.playbook == window.playbook, theirs.c.holds)
        )
        unseen = sa.false() if self.knows_the_unseen else states.contact_id.is_(None)
        return sa.or_(first_look, contacts.c.seen_at > since, unseen, contacts.c.id.in_(was_so))

    # --- what is said of it

    def state(self, connection: sa.Connection, contact: int, window: Window) -> str | None:
        row = connection.execute(
            sa.select(trigger_states).where(states.playbook == window.playbook, states.contact_id == contact)
        ).one_or_none()
        if row is None or not row.holds:
            return None
        before = ", and was before this playbook looked: existing" if row.existing else f": episode {row.episode}"
        return f"it has been so since {row.since:%Y-%m-%d %H:%M} UTC{before}"


_INSTANT = timedelta(microseconds=1)


def _off() -> Any:
    return sa.or_(states.contact_id.is_(None), sa.not_(states.holds))


def _keep(store: Store, rows: sa.Select[Any]) -> sa.Executable:
    columns = ["playbook", "contact_id", "episode", "holds", "existing", "since"]
    insert = store.insert(trigger_states).from_select(columns, rows)
    changed = {name: insert.excluded[name] for name in columns[2:]}
    kept: sa.Executable = insert.on_conflict_do_update(index_elements=columns[:2], set_=changed)
    return kept
