"""Signed addresses for mails: who clicks is known without signing in, and nobody can make one up."""

from __future__ import annotations

import base64
import hmac
import re
from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from itsdangerous import BadSignature, Signer


class Kind(StrEnum):
    """What a link is for; a token of one kind is worth nothing as another."""

    # An enum's own takes longer than signing what it is looked up for.
    __hash__ = str.__hash__

    SURVEY = "survey"
    UNSUBSCRIBE = "unsubscribe"
    PREFERENCES = "preferences"
    REVIEW = "review"
    REFERRAL = "referral"
    FRIEND = "friend"
    #: Counts a click and leads on to its target.
    CLICK = "click"
    #: A picture of one pixel that counts an open.
    OPEN = "open"
    #: A link that no person sees: whoever follows it is a machine.
    TRAP = "trap"


#: Where each kind leads, below the public address.
PATHS = {
    Kind.SURVEY: "s",
    Kind.UNSUBSCRIBE: "u",
    Kind.PREFERENCES: "u",
    Kind.REVIEW: "r",
    Kind.REFERRAL: "r",
    Kind.FRIEND: "f",
    Kind.CLICK: "c",
    Kind.OPEN: "o",
    Kind.TRAP: "c",
}


#: The key of a reason: what a link may stand for besides a score.
_CHOICE = re.compile(r"[a-z][a-z0-9_]*")


class BadLink(Exception):
    """This link is not one of ours, or it was cut short on its way."""

    def __str__(self) -> str:
        return str(self.__doc__)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a link says once its signature has been verified."""

    kind: Kind
    send_id: str
    contact_id: int
    #: The number that was clicked in the mail, where the link stands for one.
    score: int | None = None
    #: The answer that was, by its key, where it stands for that.
    choice: str | None = None
    #: Where a click leads.
    target: str | None = None


class Links:
    """Makes and reads signed links. The first secret signs, all of them verify; a link never expires.

    Links of one `world` are worth nothing in another: what happens in a simulated store stays there.
    """

    def __init__(self, public_url: str, secrets: Sequence[str], *, world: str = "") -> None:
        if not secrets or not all(secrets):
            raise ValueError("links need a secret to be signed with")
        self.public_url = public_url.rstrip("/")
        # itsdangerous signs with the last key of its list.
        keys = list(reversed(secrets))
        self._signers = {kind: _signer(keys, f"regulars.{kind}{world and f'.{world}'}") for kind in Kind}
        #: What a link of each kind begins with, and the key that signs it.
        self._begin = {
            kind: (f"{self.public_url}/{PATHS[kind]}/", signer.secret_key) for kind, signer in self._signers.items()
        }
        # A letter has the link to unsubscribe in its headers and at its foot.
        self._url = lru_cache(4096)(self._made)

    def survey(self, send_id: str, contact_id: int) -> str:
        return self._url(Kind.SURVEY, send_id, contact_id)

    def answer(self, send_id: str, contact_id: int, score: int | str) -> str:
        """The survey with this score, or this reason, chosen already; opening it records nothing."""
        if isinstance(score, str) and not _CHOICE.fullmatch(score):
            raise ValueError(f"an answer link stands for a score, or the key of a reason; {score!r} is neither")
        return self._url(Kind.SURVEY, send_id, contact_id, score)

    def unsubscribe(self, send_id: str, contact_id: int) -> str:
        return self._url(Kind.UNSUBSCRIBE, send_id, contact_id)

    def preferences(self, send_id: str, contact_id: int) -> str:
        return self._url(Kind.PREFERENCES, send_id, contact_id)

    def review(self, send_id: str, contact_id: int) -> str:
        return self._url(Kind.REVIEW, send_id, contact_id)

    def referral(self, send_id: str, contact_id: int) -> str:
        return self._url(Kind.REFERRAL, send_id, contact_id)

    def click(self, send_id: str, contact_id: int, target: str) -> str:
        """Leads to `target`, which is signed as the rest is: nobody can make it lead elsewhere."""
        return self._url(Kind.CLICK, send_id, contact_id, _in_path(target))

    def open(self, send_id: str, contact_id: int) -> str:
        return self._url(Kind.OPEN, send_id, contact_id)

    def trap(self, send_id: str, contact_id: int) -> str:
        return self._url(Kind.TRAP, send_id, contact_id)

    def friend(self, contact_id: int) -> str:
        """A contact's own page, for them to pass on; it stands in no letter of ours to the friend."""
        return f"{self.public_url}/{PATHS[Kind.FRIEND]}/{self._signers[Kind.FRIEND].sign(str(contact_id)).decode()}"

    def read(self, kind: str | Sequence[str], token: str) -> Ticket:
        """The ticket of a token of this kind, or of one of these kinds. Raises BadLink for any other token."""
        for one in (kind,) if isinstance(kind, str) else kind:
            if (said := self._verified(Kind(one), token)) is not None:
                return _ticket(Kind(one), said)
        raise BadLink

    def _made(self, kind: Kind, send_id: str, contact_id: int, what: object = "") -> str:
        said = f"{contact_id}~{what}~{send_id}"
        begin, key = self._begin[kind]
        # What the signer would write, without its objects: a mail has a dozen links.
        signature = b2a_base64(hmac.digest(key, said.encode(), "sha1"), newline=False)
        return f"{begin}{said}.{signature.translate(_URL_SAFE, b'=').decode()}"

    def _verified(self, kind: Kind, token: str) -> str | None:
        try:
            return self._signers[kind].unsign(token).decode()
        except (BadSignature, UnicodeError):
            return None


#: Base64 as addresses have it.
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _in_path(target: str) -> str:
    return base64.urlsafe_b64encode(target.encode()).decode().rstrip("=")


def _plain(in_path: str) -> str:
    return base64.urlsafe_b64decode(in_path + "=" * (-len(in_path) % 4)).decode()


def _ticket(kind: Kind, said: str) -> Ticket:
    if kind is Kind.FRIEND:
        return Ticket(kind, "", int(said))
    contact_id, what, send_id = said.split("~", 2)
    if kind is Kind.CLICK:
        return Ticket(kind, send_id, int(contact_id), target=_plain(what))
    score = int(what) if what.isdigit() else None
    return Ticket(kind, send_id, int(contact_id), score, choice=what if score is None and what else None)


def _signer(keys: Sequence[str], salt: str) -> Signer:
    """A signer whose keys are derived once: a mail has a dozen links."""
    deriving = Signer(keys, salt=salt, key_derivation="hmac")
    return Signer([deriving.derive_key(key.encode()) for key in keys], key_derivation="none")
