"""Whether a friend counts: not oneself, not one's household, new to us, in time. Pure; the reason is for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from runner.reward.signals import Person, Signal
from runner.settings.rewards import Referrals

#: Mail services in whose addresses dots mean nothing.
_DOTLESS = ("gmail.com", "googlemail.com")


def refusal(signal: Signal, programme: Referrals, *, colleagues_count: bool) -> str | None:
    """Why this friend does not count; None where they do. `colleagues_count`: whether customers are people."""
    one, other = signal.referrer, signal.friend
    if one.id == other.id:
        return "their own code"
    if one.is_test or other.is_test:
        return "a test contact"
    if one.address and other.address and mailbox(one.address) == mailbox(other.address):
        return "the same mailbox as the one who recommends"
    if (shared := _shared(one, other, programme.household)) is not None:
        return f"the same household: both have the same {shared}"
    if not colleagues_count and one.company_id is not None and one.company_id == other.company_id:
        return "of the same company"
    if (was := _customer_before(signal)) is not None:
        return f"was a customer before, since {was:%Y-%m-%d}"
    if signal.visited_at is not None and signal.at - signal.visited_at > timedelta(days=programme.window.days):
        return f"came later than {programme.window} after the visit"
    return None


def mailbox(address: str) -> str:
    """What an address comes to: without what stands after a plus, and without dots where these mean nothing."""
    name, _, host = address.lower().partition("@")
    name = name.partition("+")[0]
    if host in _DOTLESS:
        return f"{name.replace('.', '')}@gmail.com"
    return f"{name}@{host}"


def _shared(one: Person, other: Person, fields: Iterable[str]) -> str | None:
    """The first of these fields that both have with the same value, however it is written."""
    return next((name for name in fields if (value := _plain(one, name)) and value == _plain(other, name)), None)


def _plain(person: Person, name: str) -> str:
    return "".join(sign for sign in str(person.custom.get(name) or "").casefold() if sign.isalnum())


def began(signal: Signal) -> datetime:
    """When the friend came: with the visit, with the code, or with the order that a shop told of a moment later."""
    came = signal.visited_at or signal.at
    first = signal.friend.first_order_at
    return first if first is not None and came - SAME <= first < came else came


#: An order and the event that tells of its code are one: it may come so much later.
SAME = timedelta(days=1)


def _customer_before(signal: Signal) -> datetime | None:
    """When the friend first bought, where that was before they came."""
    first = signal.friend.first_order_at
    return first if first is not None and first < began(signal) else None
