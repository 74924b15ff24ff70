"""The links of one person's letter, as a template calls for them and as mail programs look for them in the headers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol


class Links(Protocol):
    """Who makes the signed addresses in a mail."""

    public_url: str

    def survey(self, send_id: str, contact_id: int) -> str: ...
    def answer(self, send_id: str, contact_id: int, score: int | str) -> str: ...
    def unsubscribe(self, send_id: str, contact_id: int) -> str: ...
    def preferences(self, send_id: str, contact_id: int) -> str: ...
    def review(self, send_id: str, contact_id: int) -> str: ...
    def referral(self, send_id: str, contact_id: int) -> str: ...
    def friend(self, contact_id: int) -> str: ...


#: The functions that a template may call for a link.
LINK_FUNCTIONS = ("survey", "answer_link", "review", "referral", "friend_link", "unsubscribe", "preferences")


def links_of(links: Links, send_id: str, contact_id: int) -> dict[str, Callable[..., str]]:
    """What a template calls by these names, for one letter of one person."""
    return {
        "survey": partial(links.survey, send_id, contact_id),
        "answer_link": partial(links.answer, send_id, contact_id),
        "review": partial(links.review, send_id, contact_id),
        "referral": partial(links.referral, send_id, contact_id),
        "friend_link": partial(links.friend, contact_id),
        "unsubscribe": partial(links.unsubscribe, send_id, contact_id),
        "preferences": partial(links.preferences, send_id, contact_id),
    }


def unsubscribe_headers(links: Links, send_id: str, contact_id: int, public_url: str) -> dict[str, str]:
    """The headers by which mail programs offer to unsubscribe. One-click (RFC 8058) is for https alone."""
    headers = {"List-Unsubscribe": f"<{links.unsubscribe(send_id, contact_id)}>"}
    if public_url.lower().startswith("https://"):
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers
