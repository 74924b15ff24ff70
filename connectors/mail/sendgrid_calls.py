"""A mailing becomes calls that SendGrid takes: within its limits, and nobody's text other than we would make it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import permutations, takewhile

from connectors.base import Letter, Mailing, Outcome, Verdict
from connectors.errors import Permanent
from connectors.mail.message import ascii_address, copy_of, keys_of, one_line
from connectors.mail.sendgrid_api import SYSTEM
from connectors.mail.sendgrid_body import labels_of, personalization

MAX_LETTERS = 1_000
MAX_KEYS = 100
#: UTF-8 bytes of one letter's keys and texts.
MAX_SUBSTITUTION_BYTES = 10_000
MAX_CALL_BYTES = 30_000_000
MAX_CATEGORIES = 10


def check_limits(mailing: Mailing) -> None:
    """Raises Permanent for what no splitting could make fit."""
    faults = [f"the key {key!r} is part of another key" for key in sorted(_nested(keys_of(mailing)))]
    if len(labels_of(mailing.categories)) > MAX_CATEGORIES:
        faults.append(f"at most {MAX_CATEGORIES} categories, not {len(mailing.categories)}")
    if faults:
        raise Permanent("; ".join(faults), system=SYSTEM, request="send")


def _nested(keys: set[str]) -> frozenset[str]:
    """Keys inside other keys: SendGrid's order of replacing is undocumented."""
    return frozenset(inner for inner, outer in permutations(keys, 2) if inner in outer)


def without_address(letters: Sequence[Letter]) -> list[Outcome]:
    """One bad address makes SendGrid refuse the whole call, so it does not go out."""
    return [
        Outcome(letter.send_id, Verdict.REFUSED, reason=f"{letter.to.email!r} is not an address that SendGrid takes")
        for letter in letters
        if ascii_address(letter.to.email) is None
    ]


def calls_of(mailing: Mailing) -> Iterator[Mailing]:
    """The mailing in parts that each fit one call: a thousand letters, an address once, under 30 MB."""
    rounds: dict[int, list[Letter]] = {}
    seen: Counter[str] = Counter()
    skeleton = _Skeleton(mailing)
    for letter in mailing.letters:
        address = (ascii_address(letter.to.email) or "").lower()
        if not address:
            continue
        if not skeleton.serves(letter):
            yield _written_out(mailing, letter)
            continue
        rounds.setdefault(seen[address], []).append(letter)
        seen[address] += 1
    for letters in rounds.values():
        for start in range(0, len(letters), MAX_LETTERS):
            yield from _under_size(replace(mailing, letters=letters[start : start + MAX_LETTERS]))


class _Skeleton:
    """A mailing's shared text, from which SendGrid puts letters together."""

    def __init__(self, mailing: Mailing) -> None:
        keys = keys_of(mailing)
        self._key = re.compile("|".join(re.escape(key) for key in keys)) if keys else None
        #: What all keys begin with: a text without it has none of them in it.
        self._begin = _common(keys)
        self._in_subject = [key for key in keys if key in mailing.subject]

    def serves(self, letter: Letter) -> bool:
        """Whether SendGrid can put this letter together, and gets the same text as we would."""
        own = letter.substitutions
        if self._key is None:
            return True
        whole = "\0".join(own.values())
        return (
            len(own) <= MAX_KEYS
            and _size(own, whole) <= MAX_SUBSTITUTION_BYTES
            and (self._begin not in whole or not self._key.search(whole))
            and all(one_line(own[key]) == own[key].strip() for key in self._in_subject if key in own)
        )


def _common(keys: set[str]) -> str:
    first, last = min(keys, default=""), max(keys, default="")
    return "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))


def _size(own: Mapping[str, str], whole: str) -> int:
    """UTF-8 bytes of a letter's keys and texts; the texts are also there as a whole, a sign between each two."""
    keys = "".join(own)
    return sum(_bytes_in(text) for text in (keys, whole)) - max(0, len(own) - 1)


def _bytes_in(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _written_out(mailing: Mailing, letter: Letter) -> Mailing:
    """The letter as a mailing of its own, its text in full."""
    own = copy_of(mailing, letter)
    return replace(
        mailing,
        subject=own.subject,
        html=own.html,
        text=own.text,
        reply_to=own.reply_to,
        letters=[replace(letter, substitutions={})],
    )


def _under_size(call: Mailing) -> Iterator[Mailing]:
    if _bytes_at_most(call) < MAX_CALL_BYTES or len(call.letters) == 1 or _bytes(call) < MAX_CALL_BYTES:
        yield call
        return
    for half in halves(call):
        yield from _under_size(half)


def _bytes_at_most(call: Mailing) -> int:
    """A bound that costs nothing: JSON takes up to 12 bytes for a character, and some for the names around it."""
    texts = [call.subject, call.html, call.text]
    for letter in call.letters:
        texts += (letter.send_id, letter.send_id, letter.to.email, letter.to.name or "")
        for named in (letter.headers, letter.substitutions):
            texts += named
            texts += named.values()
    return 12 * sum(map(len, texts)) + 1_000 * (1 + len(call.letters)) + _bytes_of_files(call)


def _bytes(call: Mailing) -> int:
    letters = sum(len(json.dumps(personalization(letter))) + 2 for letter in call.letters)
    return letters + len(json.dumps([call.subject, call.html, call.text])) + 2_000 + _bytes_of_files(call)


def _bytes_of_files(call: Mailing) -> int:
    """Base64 takes four bytes for three."""
    return sum(len(file.content) * 4 // 3 + 500 for file in call.attachments)


def halves(call: Mailing) -> list[Mailing]:
    middle = len(call.letters) // 2
    return [replace(call, letters=call.letters[:middle]), replace(call, letters=call.letters[middle:])]
