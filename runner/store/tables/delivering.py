"""What went out: mails, tasks, and messages to colleagues and other systems."""

from __future__ import annotations

import sqlalchemy as sa

from runner.store.tables.schema import metadata, one_of
from runner.store.types import Id, Instant, Json

#: One message's row, written before the provider is called.
sends = sa.Table(
    "sends",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("enrollment_id", Id, sa.ForeignKey("enrollments.id"), nullable=False),
    sa.Column("playbook", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("part", sa.Integer, nullable=False, default=0),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    #: The survey's kind, or the review site.
    sa.Column("about", sa.Text),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("mailer", sa.Text, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    #: The batch it went out with, whose process holds the lease.
    sa.Column("lease_owner", sa.Text),
    #: Machine time, not the simulated clock's.
    sa.Column("lease_until", Instant),
    #: Machine time too: until then the mailer certainly knows nothing of it.
    sa.Column("handed_at", Instant),
    sa.Column("claimed_at", Instant, nullable=False),
    #: The recipient's local day, by which caps count.
    sa.Column("local_day", sa.Date, nullable=False),
    #: Until when a survey may be answered.
    sa.Column("closes_at", Instant),
    #: Of a reminder the survey's own send, to which every answer belongs.
    sa.Column("reminds", sa.Text),
    #: An unsure one that has it was sent again: nobody need settle it.
    sa.Column("settled_at", Instant),
    sa.Column("reason", sa.Text),
    sa.Column("message_id", sa.Text),
    sa.Column("template_hash", sa.Text),
    sa.Column("skeleton", sa.Text, sa.ForeignKey("skeletons.hash")),
    sa.Column("texts", Json),
    # What came back.
    sa.Column("delivery", sa.Text),
    sa.Column("delivered_at", Instant),
    sa.Column("opened", sa.Text),
    sa.Column("opened_at", Instant),
    sa.Column("clicked", sa.Text),
    sa.Column("clicked_at", Instant),
    sa.Column("answered_at", Instant),
    sa.Column("unsubscribed_at", Instant),
    sa.Column("complained_at", Instant),
    #: When its clicks may be judged for good: scanners follow the other links within seconds.
    sa.Column("look_again_at", Instant),
    sa.UniqueConstraint("enrollment_id", "step", "part", "attempt"),
    one_of("state", "claimed", "accepted", "refused", "unsure"),
    one_of("purpose", "marketing", "service"),
)
sa.Index("ix_sends_address", sends.c.address, sends.c.local_day)
sa.Index("ix_sends_playbook", sends.c.playbook, sends.c.claimed_at)
sa.Index("ix_sends_claimed_at", sends.c.claimed_at)
sa.Index("ix_sends_contact_id", sends.c.contact_id)
#: Sends that were answered, and clicked: what waits look for. SQLite takes a part's index only where the query has the
#: part's own words.
ANSWERED_SENDS, CLICKED_SENDS = (sa.text(f"sends.{name} IS NOT NULL") for name in ("answered_at", "clicked_at"))
for _name in ("answered_at", "clicked_at"):
    _came = sa.text(f"{_name} IS NOT NULL")
    sa.Index(f"ix_sends_{_name}", sends.c[_name], sqlite_where=_came, postgresql_where=_came)
#: Sends whose outcome is not written down; in words, as above.
OPEN_SENDS = sa.text("sends.state IN ('claimed', 'unsure')")
_OPEN = sa.text("state IN ('claimed', 'unsure')")
sa.Index("ix_sends_open", sends.c.state, sqlite_where=_OPEN, postgresql_where=_OPEN)
#: Sends that bounced or were called spam: what the breakers count. In words, as above.
BAD_SENDS = sa.text("(sends.delivery = 'bounced' OR sends.complained_at IS NOT NULL)")
_BAD = sa.text("(delivery = 'bounced' OR complained_at IS NOT NULL)")
sa.Index("ix_sends_bad", sends.c.claimed_at, sqlite_where=_BAD, postgresql_where=_BAD)

#: Mailers that a breaker has stopped, or had.
mailers = sa.Table(
    "mailers",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("stopped_at", Instant),
    sa.Column("stopped_why", sa.Text),
    #: Since when its mails are counted anew.
    sa.Column("resumed_at", Instant),
)

#: Sends whose clicks are too young to be judged; in words, as above.
UNJUDGED = sa.text("sends.look_again_at IS NOT NULL")
_UNJUDGED = sa.text("look_again_at IS NOT NULL")
sa.Index("ix_sends_unjudged", sends.c.look_again_at, sqlite_where=_UNJUDGED, postgresql_where=_UNJUDGED)

#: The text that the letters of a mailing share, once a text.
skeletons = sa.Table(
    "skeletons",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("html", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)
#: The addresses we write to; their rows are locked while caps are counted.
recipients = sa.Table("recipients", metadata, sa.Column("address", sa.Text, primary_key=True))

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("enrollment_id", Id, sa.ForeignKey("enrollments.id"), nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("body", sa.Text),
    sa.Column("owner", sa.Text),
    sa.Column("priority", sa.Text),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("done_at", Instant),
    sa.UniqueConstraint("enrollment_id", "step"),
)

#: What goes out and is no mail to the contact: webhooks, mails to colleagues, and what a CRM is to be told.
writes = sa.Table(
    "writes",
    metadata,
    #: Ours, and the `webhook-id` by which a receiver knows what comes twice.
    sa.Column("id", sa.Text, primary_key=True),
    #: None where no step says it: an opt-out, an answer.
    sa.Column("enrollment_id", Id, sa.ForeignKey("enrollments.id")),
    sa.Column("playbook", sa.Text),
    sa.Column("step", sa.Text),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    #: A webhook's name or address, a mail address, or a connector; none where only we keep it.
    sa.Column("target", sa.Text),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    #: What it says; the same however often it is tried.
    sa.Column("payload", Json, nullable=False),
    #: `waiting`: for its CRM's turn, or it came back and is tried again at `next_at`.
    #: What a CRM was handed (`handed_at`) is looked for there before it is written again.
    sa.Column("state", sa.Text, nullable=False),
    #: Whether the receiver knows it by its id, so that handing it over again does no harm.
    sa.Column("recognised", sa.Boolean, nullable=False, default=False),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("next_at", Instant),
    # As with sends.
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_until", Instant),
    sa.Column("handed_at", Instant),
    sa.Column("claimed_at", Instant, nullable=False),
    sa.Column("settled_at", Instant),
    sa.Column("reason", sa.Text),
    sa.UniqueConstraint("enrollment_id", "step", "kind", "attempt"),
    one_of("kind", "webhook", "notify", "note", "property", "task", "opt_out"),
    one_of("state", "claimed", "accepted", "refused", "unsure", "waiting"),
)
sa.Index("ix_writes_contact_id", writes.c.contact_id)
#: Messages that are under way; in words, as of sends.
OPEN_WRITES = sa.text("writes.state IN ('claimed', 'unsure', 'waiting')")
_UNDER_WAY = sa.text("state IN ('claimed', 'unsure', 'waiting')")
sa.Index("ix_writes_open", writes.c.state, writes.c.kind, sqlite_where=_UNDER_WAY, postgresql_where=_UNDER_WAY)
