"""The events that Regulars tells of itself: their kinds, and what they carry besides a value."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.records import FieldType

#: The connector's name of what we tell ourselves.
OURS = "regulars"
#: What an event of ours may carry, and of which kind it is.
CARRIES: Mapping[str, FieldType] = {
    "tier": FieldType.TEXT,
    "tier_before": FieldType.TEXT,
    "falls_on": FieldType.DATE,
    "points": FieldType.NUMBER,
    "expires_on": FieldType.DATE,
    "friend": FieldType.TEXT,
    "coupon": FieldType.TEXT,
    "reward": FieldType.TEXT,
}
#: The kinds, each with when it happens.
KINDS: Mapping[str, str] = {
    "tier_up": "a higher tier was reached; `event.tier`, `event.tier_before`",
    "tier_falling": "the tier is not reached any more and ends on `event.falls_on`, when `event.tier` comes instead",
    "tier_down": "a tier has ended; `event.tier`, `event.tier_before`",
    "points_expiring": "`event.points` points expire on `event.expires_on`",
    "referral_joined": "a friend has come with the contact's code; `event.friend` is the first name",
    "referral_bought": "a friend has bought",
    "referral_due": "a friend has bought and kept it: the reward is due; `event.reward`, `event.coupon`",
    "referred": "told of the friend: they came with a code; `event.friend` is who sent them",
}
