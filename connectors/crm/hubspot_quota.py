"""How much of its limits an account has used: read off HubSpot's answers, kept to before a call is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors.crm.hubspot_errors import SYSTEM, UNTIL_TOMORROW
from connectors.errors import Temporary
from connectors.limits import Bucket, Caller, Rate

#: The least that any account has, and the searches of all its apps together, whose answers say nothing of limits.
USUAL = 100
SEARCHES = Rate(5, 1.0)
#: So long the word about a used-up day is believed; then one call asks whether it is over.
BELIEVED = 3600.0


def limits(calls: int | None) -> Mapping[str, Rate]:
    """The buckets: `calls` in ten seconds, or the least until HubSpot says more."""
    return {"general": Rate(calls or USUAL, 10.0), "search": SEARCHES}


class Quota:
    """One account's limits, as its last answer told them."""

    def __init__(self, caller: Caller, *, fixed: bool, day_share: float, monotonic: Callable[[], float]) -> None:
        self._general: Bucket = caller.bucket("general")
        self._fixed = fixed
        self._day_share = day_share
        self._monotonic = monotonic
        #: Of the ten seconds, and of the day: the limit, and what is left.
        self._window: tuple[int, int] | None = None
        self._day: tuple[int, int] | None = None
        self._told_at = 0.0

    def hear(self, headers: Mapping[str, str]) -> None:
        """Takes in what an answer says; a search's says nothing."""
        window = _pair(headers, "X-HubSpot-RateLimit-Max", "X-HubSpot-RateLimit-Remaining")
        if window is not None:
            self._window = window
            self._adapt(*window)
        day = _pair(headers, "X-HubSpot-RateLimit-Daily", "X-HubSpot-RateLimit-Daily-Remaining")
        if day is not None:
            self._day, self._told_at = day, self._monotonic()

    def may_call(self) -> None:
        """Raises Temporary where the account's day has no call left for us."""
        if self._day is None or self._monotonic() - self._told_at > BELIEVED:
            return
        limit, left = self._day
        if limit - left < limit * self._day_share:
            # The next answer may be a search's, which does not say.
            self._day = (limit, left - 1)
            return
        words = (
            f"{limit - left:,} of the account's {limit:,} calls of a day are used; the rest is its other apps' "
            "(`day_share`). HubSpot counts anew at midnight in the account's time zone; what is left goes on then."
        )
        raise Temporary(words, system=SYSTEM, retry_after=UNTIL_TOMORROW)

    def document(self) -> Mapping[str, Any]:
        """For `doctor --json`: what is known, and nothing else."""
        told: dict[str, Any] = {"ten_seconds": {"limit": self._general.calls}}
        if self._window is not None:
            limit, left = self._window
            told["ten_seconds"] = {"limit": limit, "used": limit - left, "left": left}
        if self._day is not None:
            limit, left = self._day
            told["day"] = {"limit": limit, "used": limit - left, "left": left}
        return told

    def _adapt(self, limit: int, left: int) -> None:
        """Follows HubSpot's word on the limit, and makes room for other apps on the same budget."""
        self._general.allow(min(limit, self._general.calls) if self._fixed else limit)
        self._general.others(limit - left)


def _pair(headers: Mapping[str, str], limit: str, left: str) -> tuple[int, int] | None:
    told = headers.get(limit, ""), headers.get(left, "")
    return (int(told[0]), int(told[1])) if told[0].isdigit() and told[1].isdigit() else None
