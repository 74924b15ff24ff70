"""What customers get for staying and for bringing friends: points, tiers, referrals, coupons, words we may quote."""

from __future__ import annotations

import sqlalchemy as sa

from runner.store.tables.schema import metadata, one_of
from runner.store.types import Exact, Id, Instant

#: Every point that was ever earned, spent or lost. Append-only: a refund adds a row that takes back.
points = sa.Table(
    "points",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    #: `orders`, `years`, `streak`, `referral`, `given`, `spent`, `expired`.
    sa.Column("rule", sa.Text, nullable=False),
    #: What it is for, `order shop:1001`; rows of one key add up to what that is worth today.
    sa.Column("key", sa.Text, nullable=False),
    #: The how manieth row of its key: two who count at once write it once.
    sa.Column("part", sa.Integer, nullable=False, default=0),
    sa.Column("points", Exact(4), nullable=False),
    #: The account's local day on which it was earned, by which it expires.
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("words", sa.Text),
    sa.UniqueConstraint("key", "part"),
)
sa.Index("ix_points_contact_id", points.c.contact_id, points.c.rule, points.c.day)

#: Who is on which tier, since when, and until when where it is about to end.
memberships = sa.Table(
    "memberships",
    metadata,
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), primary_key=True),
    #: The tier; none for those who had one and have none.
    sa.Column("tier", sa.Text),
    sa.Column("since", Instant, nullable=False),
    #: What it falls back to, and when, unless it is reached again before.
    sa.Column("falls_to", sa.Text),
    sa.Column("falls_on", sa.Date),
    #: The how manieth change: it names the event that tells of it.
    sa.Column("change", sa.Integer, nullable=False, default=0),
)

#: Friends that contacts have brought. Of a friend who has not come yet we keep what they agreed to, and no more.
friends = sa.Table(
    "friends",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("referrer_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    #: The friend, once there is a contact.
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id")),
    #: The friend's address until then, where they left it on the page.
    sa.Column("address", sa.Text),
    sa.Column("consent_at", Instant),
    #: The sentence that was agreed to.
    sa.Column("consent_words", sa.Text),
    #: How we know: `order`, `event`, `visit`, `field`, `page`.
    sa.Column("came_by", sa.Text, nullable=False),
    #: What told of it, `orders 12`: nothing is judged twice.
    sa.Column("told_by", sa.Text, nullable=False, unique=True),
    sa.Column("state", sa.Text, nullable=False),
    #: Why it does not count, or what it waits for.
    sa.Column("reason", sa.Text),
    #: When the code was used: the window for buying begins.
    sa.Column("at", Instant, nullable=False),
    sa.Column("order_key", sa.Text),
    sa.Column("bought_at", Instant),
    #: When the order can no longer be returned.
    sa.Column("due_at", Instant),
    sa.Column("coupon", sa.Text),
    sa.Column("rewarded_at", Instant),
    #: The playbook and step that handed the reward over, or who said so.
    sa.Column("rewarded_by", sa.Text),
    sa.Column("seen_at", Instant, nullable=False),
    one_of("state", "invited", "signed_up", "bought", "due", "rewarded", "lapsed", "refused"),
    one_of("came_by", "order", "event", "visit", "field", "page"),
)
#: A friend counts for one contact: the first who has brought them.
_COUNTS = sa.text("contact_id IS NOT NULL AND state NOT IN ('refused', 'lapsed')")
sa.Index("uq_friends_counts", friends.c.contact_id, unique=True, sqlite_where=_COUNTS, postgresql_where=_COUNTS)
sa.Index("ix_friends_referrer_id", friends.c.referrer_id, friends.c.state)
_OPEN = sa.text("state IN ('invited', 'signed_up', 'bought', 'due')")
sa.Index("ix_friends_open", friends.c.state, friends.c.due_at, sqlite_where=_OPEN, postgresql_where=_OPEN)

#: Who went on from a contact's page to the shop: the number goes along in the address and comes back with an order.
referral_visits = sa.Table(
    "referral_visits",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("referrer_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    sa.Column("at", Instant, nullable=False),
)
sa.Index("ix_referral_visits_referrer_id", referral_visits.c.referrer_id)

#: Coupons that were taken from a pool's file, each once.
coupons = sa.Table(
    "coupons",
    metadata,
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("friend_id", Id, sa.ForeignKey("friends.id"), nullable=False),
    sa.Column("at", Instant, nullable=False),
)

#: What people wrote or filmed for us to show, with the sentence they agreed to.
testimonials = sa.Table(
    "testimonials",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("send_id", sa.Text, sa.ForeignKey("sends.id"), nullable=False, unique=True),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    sa.Column("words", sa.Text),
    sa.Column("video", sa.Text),
    #: The name to stand below it.
    sa.Column("shown_as", sa.Text),
    sa.Column("consent_at", Instant, nullable=False),
    sa.Column("consent_words", sa.Text, nullable=False),
    sa.Column("withdrawn_at", Instant),
)
sa.Index("ix_testimonials_contact_id", testimonials.c.contact_id)
