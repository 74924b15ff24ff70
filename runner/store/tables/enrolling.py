"""Playbooks and their people: versions, watched states, enrollments, and every decision about them."""

from __future__ import annotations

import sqlalchemy as sa

from runner.store.tables.schema import metadata, one_of
from runner.store.types import Id, Instant, Json

playbooks = sa.Table(
    "playbooks",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
    #: The id by which people were drawn first, where it is an older one: a rename draws nobody anew.
    sa.Column("salt", sa.Text),
    sa.Column("paused_at", Instant),
    #: Why a breaker paused it, and since when its mails are counted anew.
    sa.Column("stopped_why", sa.Text),
    sa.Column("resumed_at", Instant),
    sa.Column("first_tick_at", Instant, nullable=False),
    #: The cut-off of the last tick that evaluated the trigger.
    sa.Column("last_tick_at", Instant, nullable=False),
    #: Of what the states in `trigger_states` are; empty before the first look.
    sa.Column("watched", sa.Text),
    #: A digest of what that tick went by; another one asks for a look at everybody.
    sa.Column("looked_by", sa.Text),
    #: Why the last tick was held, and how many people it would have taken in.
    sa.Column("braked_at", Instant),
    sa.Column("braked_people", sa.Integer),
    sa.Column("braked_hash", sa.Text),
)
playbook_versions = sa.Table(
    "playbook_versions",
    metadata,
    sa.Column("playbook", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("body", Json, nullable=False),
    sa.Column("at", Instant, nullable=False),
)

#: Whether what a playbook's trigger watches is so for a contact, since when, and the how manieth time.
trigger_states = sa.Table(
    "trigger_states",
    metadata,
    sa.Column("playbook", sa.Text, primary_key=True),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), primary_key=True),
    #: The number of the last time it was so, which names the occasion.
    sa.Column("episode", sa.Integer, nullable=False),
    sa.Column("holds", sa.Boolean, nullable=False),
    #: Whether it was so before anybody looked.
    sa.Column("existing", sa.Boolean, nullable=False),
    sa.Column("since", Instant, nullable=False),
)
sa.Index(
    "ix_trigger_states_since",
    trigger_states.c.playbook,
    trigger_states.c.since,
    sqlite_where=sa.text("holds = 1"),
    postgresql_where=sa.text("holds"),
)

enrollments = sa.Table(
    "enrollments",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("playbook", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    sa.Column("occasion", sa.Text, nullable=False),
    #: The day the occasion is about, by which a moved date is recognised.
    sa.Column("anchor", sa.Date),
    #: What the trigger saw, for the reason shown: `{"score": 3, "answer": "…"}`.
    sa.Column("facts", Json, nullable=False),
    sa.Column("arm", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    #: The step that comes next; empty before the first.
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),
    #: When the occasion asked for the first step, and when the next step may be looked at.
    sa.Column("occurred_at", Instant, nullable=False),
    sa.Column("step_since", Instant, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("entered_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("reason", sa.Text),
    #: What would make the step due before `due_at`: `answer`, `click`, `event:order`.
    sa.Column("waits_for", sa.Text),
    #: Since when this step's letter may be with a provider that knows it by its key.
    sa.Column("doubted_at", Instant),
    sa.UniqueConstraint("playbook", "contact_id", "occasion"),
    one_of("arm", "treated", "holdout"),
    one_of("state", "active", "sending", "unsure", "braked", "done", "ended"),
)
sa.Index(
    "ix_enrollments_due",
    enrollments.c.playbook,
    enrollments.c.version,
    enrollments.c.step,
    enrollments.c.due_at,
    sqlite_where=sa.text("state = 'active'"),
    postgresql_where=sa.text("state = 'active'"),
)
sa.Index("ix_enrollments_contact_id", enrollments.c.contact_id)
#: Who waits for something; a query that repeats these words finds them by the index.
LISTENS = sa.text("waits_for IS NOT NULL")
sa.Index(
    "ix_enrollments_waits_for",
    enrollments.c.waits_for,
    enrollments.c.contact_id,
    sqlite_where=LISTENS,
    postgresql_where=LISTENS,
)
#: Enrollments that wait for what becomes of a send.
IN_HAND = sa.text("enrollments.state IN ('sending', 'unsure')")
_IN_HAND = sa.text("state IN ('sending', 'unsure')")
sa.Index("ix_enrollments_in_hand", enrollments.c.state, sqlite_where=_IN_HAND, postgresql_where=_IN_HAND)
sa.Index("ix_enrollments_entered_at", enrollments.c.playbook, enrollments.c.entered_at)

#: The action log: one row an occasion and step, done or not, with its reason.
decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("playbook", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    sa.Column("occasion", sa.Text, nullable=False),
    sa.Column("enrollment_id", Id, sa.ForeignKey("enrollments.id")),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("arm", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("until", Instant),
    sa.Column("send_id", sa.Text),
    #: Which way of a choose or split was taken; whether what a wait was for has come.
    sa.Column("branch", sa.Text),
    #: Where the audience kept somebody out, what it saw: `{"contact.country": "DE"}`.
    sa.Column("seen", Json),
    sa.UniqueConstraint("playbook", "contact_id", "occasion", "step"),
    one_of("status", "done", "held", "skipped", "ended", "failed", "unsure"),
)
sa.Index("ix_decisions_at", decisions.c.at)
sa.Index("ix_decisions_playbook", decisions.c.playbook, decisions.c.at)
#: Decisions that somebody may look for among very many done ones; in words, as above.
NOT_DONE = sa.text("status <> 'done'")
sa.Index(
    "ix_decisions_not_done",
    decisions.c.status,
    decisions.c.at,
    sqlite_where=NOT_DONE,
    postgresql_where=NOT_DONE,
)
sa.Index("ix_decisions_contact_id", decisions.c.contact_id, decisions.c.step, decisions.c.at)
#: Decisions about entering; a query that repeats these words finds them by the index.
AT_THE_DOOR = sa.text("step = ''")
sa.Index(
    "ix_decisions_at_the_door",
    decisions.c.playbook,
    decisions.c.at,
    decisions.c.contact_id,
    sqlite_where=AT_THE_DOOR,
    postgresql_where=AT_THE_DOOR,
)
