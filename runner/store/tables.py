"""Every table of the store. Each stage reads the tables to its left and writes the table to its right."""

from __future__ import annotations

import sqlalchemy as sa

from runner.store.facts import fact_tables
from runner.store.types import Exact, Id, Instant, Json, draw_of

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, *values: str) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


# --- the store itself

#: `clock` (real or simulated), `epoch`, `last_tick_at`, `zone`: one value a key.
meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", Json),
)

# --- who is who

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    #: The first source that told of this person, `connector:source id`; holdouts and splits are drawn by it.
    sa.Column("key", sa.Text, nullable=False, unique=True),
    #: A number in [0, 1) drawn from the key, by which schedules are staggered.
    sa.Column("draw", sa.Float, nullable=False, default=lambda row: draw_of(row.get_current_parameters()["key"])),
    sa.Column("email", sa.Text),
    #: The address in lower case where it is valid: the only one that is written to.
    sa.Column("address", sa.Text),
    sa.Column("first_name", sa.Text),
    sa.Column("last_name", sa.Text),
    sa.Column("country", sa.Text),
    sa.Column("language", sa.Text),
    sa.Column("timezone", sa.Text),
    #: The zone in force: the contact's own where it is valid, else the company's, else the account's.
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("bad_timezone", sa.Boolean, nullable=False, default=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("birthday", sa.Date),
    sa.Column("lifecycle_stage", sa.Text),
    sa.Column("owner", sa.Text),
    sa.Column("opted_out", sa.Boolean),
    sa.Column("consent", sa.Text),
    sa.Column("is_test", sa.Boolean),
    sa.Column("merged_into", Id, sa.ForeignKey("contacts.id")),
    sa.Column("deleted_at", Instant),
    sa.Column("company_id", Id, sa.ForeignKey("companies.id")),
    sa.Column("custom", Json, nullable=False, default=dict),
    # The summary that sync and collect keep.
    sa.Column("customer_since", sa.Date),
    sa.Column("first_order_at", Instant),
    sa.Column("last_order_at", Instant),
    #: Names the lapse that begins with it.
    sa.Column("last_order_id", sa.Text),
    sa.Column("orders_count", sa.Integer, nullable=False, default=0),
    sa.Column("revenue", Exact(4)),
    sa.Column("nps_score", sa.Float),
    sa.Column("nps_at", Instant),
    sa.Column("csat_score", sa.Float),
    sa.Column("csat_at", Instant),
    sa.Column("last_answer_at", Instant),
    sa.Column("last_click_at", Instant),
    sa.Column("open_tickets", sa.Integer, nullable=False, default=0),
    sa.Column("mrr", Exact(4)),
    sa.Column("churn_risk", sa.Float),
    sa.Column("referral_code", sa.Text),
    sa.Column("points", Exact(4)),
    sa.Column("tier", sa.Text),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
)
sa.Index("ix_contacts_address", contacts.c.address)
sa.Index("ix_contacts_last_order_at", contacts.c.last_order_at)
sa.Index("ix_contacts_customer_since", contacts.c.customer_since)
_MERGED = sa.text("merged_into IS NOT NULL")
sa.Index("ix_contacts_merged_into", contacts.c.merged_into, sqlite_where=_MERGED, postgresql_where=_MERGED)
sa.Index("ix_contacts_changed_at", contacts.c.changed_at)
sa.Index("ix_contacts_zone", contacts.c.zone, contacts.c.draw)
_EMPLOYED = sa.text("company_id IS NOT NULL")
sa.Index("ix_contacts_company_id", contacts.c.company_id, sqlite_where=_EMPLOYED, postgresql_where=_EMPLOYED)

#: Identities: one row a person and connector. A fact may name a source row whose contact has not arrived yet.
contact_sources = sa.Table(
    "contact_sources",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id")),
    #: What this source says of the person, field by field.
    sa.Column("fields", Json),
    sa.Column("row_hash", sa.Text),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("deleted_at", Instant),
    sa.UniqueConstraint("connector", "source_id"),
)
sa.Index("ix_contact_sources_contact_id", contact_sources.c.contact_id)

companies = sa.Table(
    "companies",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text),
    sa.Column("created_at", Instant),
    sa.Column("owner", sa.Text),
    sa.Column("timezone", sa.Text),
    sa.Column("custom", Json, nullable=False, default=dict),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("deleted_at", Instant),
)
company_sources = sa.Table(
    "company_sources",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("company_id", Id, sa.ForeignKey("companies.id")),
    sa.Column("fields", Json),
    sa.Column("row_hash", sa.Text),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("deleted_at", Instant),
    sa.UniqueConstraint("connector", "source_id"),
)
sa.Index("ix_company_sources_company_id", company_sources.c.company_id)
contact_companies = sa.Table(
    "contact_companies",
    metadata,
    sa.Column("contact_source", Id, sa.ForeignKey("contact_sources.id"), primary_key=True),
    sa.Column("company_source", Id, sa.ForeignKey("company_sources.id"), primary_key=True),
    sa.Column("label", sa.Text, primary_key=True, default=""),
    sa.Column("is_primary", sa.Boolean, nullable=False),
)
sa.Index("ix_contact_companies_company_source", contact_companies.c.company_source)
deal_contacts = sa.Table(
    "deal_contacts",
    metadata,
    sa.Column("deal_id", Id, sa.ForeignKey("deals.id"), primary_key=True),
    sa.Column("contact_source", Id, sa.ForeignKey("contact_sources.id"), primary_key=True),
    sa.Column("label", sa.Text, primary_key=True, default=""),
    sa.Column("is_primary", sa.Boolean, nullable=False),
)

facts = fact_tables(metadata)
orders, refunds, deals, surveys = facts["orders"], facts["refunds"], facts["deals"], facts["surveys"]
tickets, events = facts["tickets"], facts["events"]

#: Each stage that a deal came to: the one it was first told in, and every other one since.
deal_changes = sa.Table(
    "deal_changes",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("deal_id", Id, sa.ForeignKey("deals.id"), nullable=False),
    sa.Column("pipeline", sa.Text),
    sa.Column("stage", sa.Text, nullable=False),
    #: When it came there: when the deal was closed or made, else when we were told.
    sa.Column("at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
)
sa.Index("ix_deal_changes_deal_id", deal_changes.c.deal_id)
sa.Index("ix_deal_changes_stage", deal_changes.c.stage, deal_changes.c.at)
sa.Index("ix_deal_changes_seen_at", deal_changes.c.seen_at)

#: What a contact's or custom field's value was before: what backtests and reproducible figures need.
contact_changes = sa.Table(
    "contact_changes",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("old", Json),
    sa.Column("new", Json),
    sa.Column("at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
)
sa.Index("ix_contact_changes_contact_id", contact_changes.c.contact_id, contact_changes.c.field)

#: What playbooks have set on a contact: our own word, which stands until the sources say something else than `over`.
own_words = sa.Table(
    "own_words",
    metadata,
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), primary_key=True),
    sa.Column("field", sa.Text, primary_key=True),
    sa.Column("value", Json),
    #: What the sources said of the field when it was set.
    sa.Column("over", Json),
    sa.Column("playbook", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)

#: Derived: every order or won deal that counts, net of refunds, with the person it belongs to today.
purchases = sa.Table(
    "purchases",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    sa.Column("order_key", sa.Text, nullable=False, unique=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("total", Exact(4), nullable=False),
    sa.Column("net", Exact(4), nullable=False),
    sa.Column("currency", sa.Text),
    #: `net` in the account's currency; empty where there is no exchange rate.
    sa.Column("value", Exact(4)),
    sa.Column("seen_at", Instant, nullable=False),
)
sa.Index("ix_purchases_contact_id", purchases.c.contact_id, purchases.c.at, purchases.c.net, purchases.c.seen_at)
sa.Index("ix_purchases_at", purchases.c.at)
sa.Index("ix_purchases_seen_at", purchases.c.seen_at)

#: One row a change that a trigger or condition may see, until a tick has looked: written by the database (`marks`).
#: Only ever added to and never numbered twice, so that a tick deletes what it has seen and nothing that came since.
changed_contacts = sa.Table(
    "changed_contacts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("contact_id", Id),
    #: Without a contact: all people of it; with one: a company that this one came to or left. With neither: everybody.
    sa.Column("company_id", Id),
    #: What changed, in words: the table, or of a contact that was there before each column, as `contacts.birthday`.
    sa.Column("what", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

# --- sync

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("cursor", Json),
    sa.Column("synced_at", Instant),
    sa.Column("full_at", Instant),
)
#: Contacts whose summary must be computed again.
stale_contacts = sa.Table("stale_contacts", metadata, sa.Column("contact_id", Id, primary_key=True))
#: Rows and values that could not be read, and warnings about files and columns; shown by `doctor`.
set_aside = sa.Table(
    "set_aside",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.UniqueConstraint("connector", "place", "field"),
)
custom_fields = sa.Table(
    "custom_fields",
    metadata,
    sa.Column("of_table", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("connector", sa.Text, nullable=False),
)

# --- playbooks and their people

playbooks = sa.Table(
    "playbooks",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
    #: The id by which people were drawn first, where it is an older one: a rename draws nobody anew.
    sa.Column("salt", sa.Text),
    sa.Column("paused_at", Instant),
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
    sa.UniqueConstraint("playbook", "contact_id", "occasion"),
    _one_of("arm", "treated", "holdout"),
    _one_of("state", "active", "sending", "unsure", "braked", "done", "ended"),
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
_LISTENS = sa.text("waits_for IS NOT NULL")
sa.Index(
    "ix_enrollments_waits_for",
    enrollments.c.waits_for,
    enrollments.c.contact_id,
    sqlite_where=_LISTENS,
    postgresql_where=_LISTENS,
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
    sa.UniqueConstraint("playbook", "contact_id", "occasion", "step"),
    _one_of("status", "done", "held", "skipped", "ended", "failed", "unsure"),
)
sa.Index("ix_decisions_at", decisions.c.at)
sa.Index("ix_decisions_contact_id", decisions.c.contact_id, decisions.c.step, decisions.c.at)
#: Decisions about entering; a query that repeats these words finds them by the index.
AT_THE_DOOR = sa.text("step = ''")
sa.Index(
    "ix_decisions_at_the_door",
    decisions.c.playbook,
    decisions.c.at,
    sqlite_where=AT_THE_DOOR,
    postgresql_where=AT_THE_DOOR,
)

# --- what went out

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
    sa.UniqueConstraint("enrollment_id", "step", "part", "attempt"),
    _one_of("state", "claimed", "accepted", "refused", "unsure"),
    _one_of("purpose", "marketing", "service"),
)
sa.Index("ix_sends_address", sends.c.address, sends.c.local_day)
sa.Index("ix_sends_playbook", sends.c.playbook, sends.c.claimed_at)
sa.Index("ix_sends_contact_id", sends.c.contact_id)
#: Sends whose outcome is not written down. SQLite takes a part's index only where the query has the part's own words.
OPEN_SENDS = sa.text("sends.state IN ('claimed', 'unsure')")
_OPEN = sa.text("state IN ('claimed', 'unsure')")
sa.Index("ix_sends_open", sends.c.state, sqlite_where=_OPEN, postgresql_where=_OPEN)

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
    sa.Column("enrollment_id", Id, sa.ForeignKey("enrollments.id"), nullable=False),
    sa.Column("playbook", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    #: A webhook's name or address, a mail address, or a connector; none where only we keep it.
    sa.Column("target", sa.Text),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    #: What it says; the same however often it is tried.
    sa.Column("payload", Json, nullable=False),
    #: `waiting`: it came back and is tried again at `next_at`, or its CRM cannot be written to yet.
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
    _one_of("kind", "webhook", "notify", "note", "property", "task"),
    _one_of("state", "claimed", "accepted", "refused", "unsure", "waiting"),
)
sa.Index("ix_writes_contact_id", writes.c.contact_id)
#: Messages that are under way; in words, as of sends.
OPEN_WRITES = sa.text("writes.state IN ('claimed', 'unsure', 'waiting')")
_UNDER_WAY = sa.text("state IN ('claimed', 'unsure', 'waiting')")
sa.Index("ix_writes_open", writes.c.state, writes.c.kind, sqlite_where=_UNDER_WAY, postgresql_where=_UNDER_WAY)

# --- what came back

mail_events = sa.Table(
    "mail_events",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("mailer", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("send_id", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("actor", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("url", sa.Text),
    sa.Column("seen_at", Instant, nullable=False),
    sa.UniqueConstraint("mailer", "event_id"),
)
sa.Index("ix_mail_events_send_id", mail_events.c.send_id)

#: Scores and words given on our survey pages; a change of mind overwrites, the first time stays.
answers = sa.Table(
    "answers",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("send_id", sa.Text, sa.ForeignKey("sends.id"), nullable=False, unique=True),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("score", sa.Float),
    sa.Column("comment", sa.Text),
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
    _one_of("reason", "unsubscribed", "bounced", "complained", "crm", "manual"),
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
    _one_of("answer", "yes", "no", "unknown"),
)
sa.Index("ix_consents_contact_id", consents.c.contact_id, consents.c.topic)

# --- the daemon

#: What is due is a row: a tick claims it by compare-and-set on `next_run_at`.
schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("next_run_at", Instant, nullable=False),
)
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    #: What makes a run unique: the instant, or the local date of a daily one.
    sa.Column("due", sa.Text, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Column("outcome", Json),
    sa.UniqueConstraint("name", "due"),
)

# --- a rehearsal and what outlives it

#: What mail to nobody brought about: `go-live` forgets it. A test holds that every table is here or below.
REHEARSED = (
    answers, decisions, enrollments, mail_events, playbooks, sends, skeletons, tasks, trigger_states, writes,
)  # fmt: skip
#: What was told, what was said no to, and what the store knows of itself.
KEPT = (
    meta, contacts, contact_sources, companies, company_sources, contact_companies, deal_contacts, *facts.values(),
    contact_changes, changed_contacts, purchases, cursors, stale_contacts, set_aside, custom_fields, playbook_versions,
    recipients, suppressions, consents, schedules, runs, deal_changes, own_words,
)  # fmt: skip
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
