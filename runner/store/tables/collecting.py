"""What came back: webhooks as they came, mail events, answers, and who may not be written to."""

from __future__ import annotations

import sqlalchemy as sa

from runner.store.tables.schema import metadata, one_of
from runner.store.types import Id, Instant, Json

mail_events = sa.Table(
    "mail_events",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("mailer", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("send_id", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    #: Of an open or click: who it was as we judge it, and as whoever told of it said.
    sa.Column("actor", sa.Text),
    sa.Column("told", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("url", sa.Text),
    #: What an open or click is judged by, and can be judged by again.
    sa.Column("user_agent", sa.Text),
    sa.Column("ip", sa.Text),
    sa.Column("seen_at", Instant, nullable=False),
    sa.UniqueConstraint("mailer", "event_id"),
)
sa.Index("ix_mail_events_send_id", mail_events.c.send_id)

#: Scores, reasons and words given on our survey pages; a change of mind overwrites, the first time stays.
answers = sa.Table(
    "answers",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("send_id", sa.Text, sa.ForeignKey("sends.id"), nullable=False, unique=True),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("score", sa.Float),
    #: Of an exit survey the reason, by its key.
    sa.Column("reason", sa.Text),
    sa.Column("comment", sa.Text),
    #: What was answered to a playbook's own questions, by their ids.
    sa.Column("details", Json),
    sa.Column("answered_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
)
sa.Index("ix_answers_answered_at", answers.c.answered_at)
sa.Index("ix_answers_contact_id", answers.c.contact_id)
sa.Index("ix_answers_seen_at", answers.c.seen_at)

#: Whom we may not write to, and why. Append-only; `lifted_at` ends one.
suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("id", Id, primary_key=True),
    #: A bounce binds the address, a person's no the person and the address, a complaint both.
    sa.Column("address", sa.Text),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id")),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("send_id", sa.Text),
    sa.Column("at", Instant, nullable=False),
    sa.Column("lifted_at", Instant),
    sa.Column("lifted_by", sa.Text),
    sa.CheckConstraint("address IS NOT NULL OR contact_id IS NOT NULL", name="somebody"),
    one_of("reason", "unsubscribed", "bounced", "complained", "crm", "manual"),
)
sa.Index("ix_suppressions_address", suppressions.c.address)
sa.Index("ix_suppressions_contact_id", suppressions.c.contact_id)

#: Who said yes or no to which topic, when, and how we know. Append-only.
consents = sa.Table(
    "consents",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("proof", sa.Text),
    one_of("answer", "yes", "no", "unknown"),
)
sa.Index("ix_consents_contact_id", consents.c.contact_id, consents.c.topic)

#: Whom nothing may bring back: only hashes of their addresses and of how their sources called them.
tombstones = sa.Table(
    "tombstones",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    #: What they were, so that lifting one lifts all of a person.
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    sa.Column("at", Instant, nullable=False),
)

#: Raw webhook bodies as they came: `inbox.db` beside a SQLite store, a table on PostgreSQL.
inbox_metadata = sa.MetaData()
inbox = sa.Table(
    "inbox",
    inbox_metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("drained_at", Instant),
    sa.Column("fault", sa.Text),
)
_WAITING = sa.text("drained_at IS NULL")
sa.Index("ix_inbox_waiting", inbox.c.connector, inbox.c.id, sqlite_where=_WAITING, postgresql_where=_WAITING)
