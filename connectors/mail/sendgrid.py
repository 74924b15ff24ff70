"""Letters go to SendGrid, up to a thousand a call, and its webhook tells what became of them."""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from ipaddress import ip_address
from itertools import permutations, takewhile
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, SecretStr, field_validator

from connectors.base import Address, Attachment, ConnectorSettings, Letter, Mailer, MailEvent, Mailing, Outcome, Verdict
from connectors.errors import ConnectorError, Permanent, SharedFault, Temporary
from connectors.limits import Caller
from connectors.mail.message import (
    SEND_HEADER,
    ascii_address,
    check,
    copy_of,
    file_name,
    keys_of,
    one_line,
    quoted,
    utc_now,
    well_formed,
)
from connectors.mail.sendgrid_api import SYSTEM, Lost, Refused, SendGridApi
from connectors.mail.sendgrid_events import events_in
from connectors.mail.sendgrid_lists import entries
from connectors.signatures import EVENTS, is_signed, public_key

#: Seconds for one call; SendGrid answers a call of a thousand letters in a few.
TIMEOUT = 60.0
MAX_LETTERS = 1_000
MAX_KEYS = 100
#: UTF-8 bytes of one letter's keys and texts.
MAX_SUBSTITUTION_BYTES = 10_000
MAX_CALL_BYTES = 30_000_000
MAX_CATEGORIES = 10

#: The custom argument that brings our id back in every event.
SEND_ARGUMENT = "regulars_send"

#: A refusal that names one of these is about the mailing, not about one of its letters.
SHARED_FIELDS = frozenset(
    {"from", "reply_to", "subject", "content", "categories", "attachments", "asm", "tracking_settings", "mail_settings"}
)


class SendGridSettings(ConnectorSettings):
    """`webhook_key`: the verification key of the event webhook; `base_url`: another for EU subusers."""

    # A fault's message shows no input: it may be the key.
    model_config = ConfigDict(hide_input_in_errors=True)

    type: Literal["sendgrid"] = "sendgrid"
    api_key: SecretStr
    base_url: str = "https://api.sendgrid.com"
    webhook_key: str | None = None
    #: SendGrid checks the mails and sends none.
    sandbox: bool = False
    #: The suppression group whose unsubscribes SendGrid respects.
    unsubscribe_group: int | None = None
    #: Whether SendGrid counts opens and clicks.
    tracking: bool = True

    @field_validator("api_key")
    @classmethod
    def _key_that_a_header_can_carry(cls, key: SecretStr) -> SecretStr:
        plain = key.get_secret_value().strip()
        if not re.fullmatch(r"[!-~]+", plain):
            raise ValueError("must be SendGrid's API key, which has no spaces and only plain characters")
        return SecretStr(plain)

    @field_validator("base_url")
    @classmethod
    def _safe_for_the_key(cls, url: str) -> str:
        if urlsplit(url).scheme != "https" and not is_loopback(url):
            raise ValueError("must begin with https://, since the API key travels with every call")
        return url.rstrip("/")

    @field_validator("webhook_key")
    @classmethod
    def _readable(cls, key: str | None) -> str | None:
        if not key:
            return None
        public_key(key)
        return key


def is_loopback(url: str) -> bool:
    """Whether the address leads to this machine and nowhere else."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class SendGridMailer(Mailer):
    """One call carries as many letters as SendGrid's limits allow; the verdict is each letter's own."""

    type = "sendgrid"
    settings_model = SendGridSettings
    batch_size = MAX_LETTERS
    calls_at_once = 4
    max_keys = MAX_KEYS
    max_substitution_bytes = MAX_SUBSTITUTION_BYTES

    def __init__(
        self,
        settings: SendGridSettings,
        *,
        workspace: Path,
        clock: Callable[[], datetime] = utc_now,
        caller: Caller | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self._settings = settings
        self.loopback = is_loopback(settings.base_url)
        self.counts = "provider" if settings.tracking else None
        self._webhook_key = public_key(settings.webhook_key) if settings.webhook_key else None
        self._caller = caller or Caller(tries=4, seconds=60.0)
        self._api = SendGridApi(
            settings.api_key.get_secret_value(),
            base_url=settings.base_url,
            timeout=timeout,
            taken=200 if settings.sandbox else 202,
            direct=self.loopback,
        )

    def send(self, mailing: Mailing) -> Sequence[Outcome]:
        check(mailing, system=SYSTEM)
        _check_limits(mailing)
        outcomes = _without_address(mailing.letters)
        calls = deque(_calls(mailing))
        while calls:
            call = calls.popleft()
            try:
                outcomes += self._post(call)
            except Refused as refusal:
                if _is_shared(refusal, call, mailing):
                    if not _anything_went(outcomes):
                        raise _shared(refusal) from refusal
                    return outcomes + _untried([call, *calls], refusal)
                refused, rest = _after(refusal, call)
                outcomes += refused
                calls.extendleft(reversed(rest))
            except Lost as lost:
                outcomes += _all(call, Verdict.UNSURE, reason=str(lost))
                # The next call might be lost as well: better late than in doubt.
                return outcomes + _untried(calls, lost)
            except (Temporary, Permanent) as error:
                if isinstance(error, Permanent) and not _anything_went(outcomes):
                    raise
                return outcomes + _untried([call, *calls], error)
        return outcomes

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> bool:
        return self._webhook_key is not None and is_signed(self._webhook_key, headers, body, now=now, tries=EVENTS)

    def events(self, body: bytes) -> Iterator[MailEvent]:
        return events_in(body)

    def suppressed(self, since: datetime | None, until: datetime) -> Iterator[MailEvent]:
        def ask(path: Sequence[str], query: Mapping[str, int]) -> Any:
            return self._caller.call(lambda: self._api.get(path, query))

        return entries(ask, since, until, self._settings.unsubscribe_group)

    def _post(self, call: Mailing) -> list[Outcome]:
        """Only what certainly was not taken is tried again: SendGrid knows no idempotency key."""
        body = self._body(call)
        message_id = self._caller.call(lambda: self._api.post(body))
        checked = "the sandbox checked it and sent nothing" if self._settings.sandbox else None
        return _all(call, Verdict.ACCEPTED, message_id=message_id, reason=checked)

    def _body(self, call: Mailing) -> dict[str, Any]:
        settings = self._settings
        content = [("text/plain", call.text), ("text/html", call.html)]
        body: dict[str, Any] = {
            "personalizations": [_personalization(letter) for letter in call.letters],
            "from": _party(call.sender),
            "subject": one_line(call.subject),
            "content": [{"type": kind, "value": well_formed(words)} for kind, words in content if words],
            "tracking_settings": {
                "open_tracking": {"enable": settings.tracking},
                "click_tracking": {"enable": settings.tracking, "enable_text": False},
                # It would write a List-Unsubscribe header over ours.
                "subscription_tracking": {"enable": False},
                "ganalytics": {"enable": False},
            },
        }
        if call.reply_to:
            body["reply_to"] = _party(call.reply_to)
        if call.attachments:
            body["attachments"] = [_file(file) for file in call.attachments]
        if labels := _labels(call.categories):
            body["categories"] = labels
        if settings.unsubscribe_group is not None:
            body["asm"] = {"group_id": settings.unsubscribe_group}
        if settings.sandbox:
            body["mail_settings"] = {"sandbox_mode": {"enable": True}}
        return body


# What goes out


def _personalization(letter: Letter) -> dict[str, Any]:
    name = one_line(letter.to.name or "")
    to = {"email": ascii_address(letter.to.email) or letter.to.email}
    if name:
        # An unquoted comma makes SendGrid take the name's first word for the address, after it answered 202.
        to["name"] = quoted(name)
    headers = {name: one_line(value) for name, value in letter.headers.items()}
    return {
        "to": [to],
        "headers": {SEND_HEADER: one_line(letter.send_id), **headers},
        "custom_args": {SEND_ARGUMENT: letter.send_id},
        "substitutions": {key: well_formed(words) for key, words in letter.substitutions.items()},
    }


def _file(file: Attachment) -> dict[str, str]:
    content = base64.b64encode(file.content).decode("ascii")
    return {"content": content, "type": file.type, "filename": file_name(file), "disposition": "attachment"}


def _party(address: Address) -> dict[str, str]:
    name = one_line(address.name or "")
    email = ascii_address(address.email) or address.email
    return {"email": email, "name": name} if name else {"email": email}


def _check_limits(mailing: Mailing) -> None:
    """Raises Permanent for what no splitting could make fit."""
    faults = [f"the key {key!r} is part of another key" for key in sorted(_nested(keys_of(mailing)))]
    if len(_labels(mailing.categories)) > MAX_CATEGORIES:
        faults.append(f"at most {MAX_CATEGORIES} categories, not {len(mailing.categories)}")
    if faults:
        raise Permanent("; ".join(faults), system=SYSTEM, request="send")


def _labels(categories: Sequence[str]) -> list[str]:
    """The categories as SendGrid takes them, ASCII and each once; a label is no reason to keep a mail back."""
    plain = (unicodedata.normalize("NFKD", category).encode("ascii", "ignore").decode() for category in categories)
    return list(dict.fromkeys(label[:255] for label in map(one_line, plain) if label))


def _nested(keys: set[str]) -> frozenset[str]:
    """Keys inside other keys: SendGrid's order of replacing is undocumented."""
    return frozenset(inner for inner, outer in permutations(keys, 2) if inner in outer)


def _without_address(letters: Sequence[Letter]) -> list[Outcome]:
    """One bad address makes SendGrid refuse the whole call, so it does not go out."""
    return [
        Outcome(letter.send_id, Verdict.REFUSED, reason=f"{letter.to.email!r} is not an address that SendGrid takes")
        for letter in letters
        if ascii_address(letter.to.email) is None
    ]


def _calls(mailing: Mailing) -> Iterator[Mailing]:
    """The mailing in parts that each fit one call: a thousand letters, an address once, under 30 MB."""
    rounds: dict[int, list[Letter]] = {}
    seen: Counter[str] = Counter()
    keys = keys_of(mailing)
    begin, in_subject = _common(keys), [key for key in keys if key in mailing.subject]
    find = _finder(keys)
    for letter in mailing.letters:
        address = (ascii_address(letter.to.email) or "").lower()
        if not address:
            continue
        if not _shares(letter, begin, in_subject, find):
            yield _written_out(mailing, letter)
            continue
        rounds.setdefault(seen[address], []).append(letter)
        seen[address] += 1
    for letters in rounds.values():
        for start in range(0, len(letters), MAX_LETTERS):
            yield from _under_size(replace(mailing, letters=letters[start : start + MAX_LETTERS]))


def _finder(keys: set[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(re.escape(key) for key in keys)) if keys else None


def _common(keys: set[str]) -> str:
    """What all keys begin with."""
    first, last = min(keys, default=""), max(keys, default="")
    return "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))


def _shares(letter: Letter, begin: str, in_subject: Sequence[str], find: re.Pattern[str] | None) -> bool:
    """Whether SendGrid can put this letter together from the skeleton, and gets the same text as we would.

    `begin` is what all keys begin with: a text without it has none of them in it.
    """
    own = letter.substitutions
    if find is None:
        return True
    whole = "\0".join(own.values())
    return (
        len(own) <= MAX_KEYS
        and _size(own, whole) <= MAX_SUBSTITUTION_BYTES
        and (begin not in whole or not find.search(whole))
        and all(one_line(own[key]) == own[key].strip() for key in in_subject if key in own)
    )


def _size(own: Mapping[str, str], whole: str) -> int:
    """UTF-8 bytes of a letter's keys and texts; the texts are also there as a whole, a sign between each two."""
    bytes_of_texts = len(whole) if whole.isascii() else len(whole.encode("utf-8", "replace"))
    return sum(len(key.encode()) for key in own) + bytes_of_texts - max(0, len(own) - 1)


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
    for half in _halves(call):
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
    letters = sum(len(json.dumps(_personalization(letter))) + 2 for letter in call.letters)
    return letters + len(json.dumps([call.subject, call.html, call.text])) + 2_000 + _bytes_of_files(call)


def _bytes_of_files(call: Mailing) -> int:
    """Base64 takes four bytes for three."""
    return sum(len(file.content) * 4 // 3 + 500 for file in call.attachments)


def _halves(call: Mailing) -> list[Mailing]:
    middle = len(call.letters) // 2
    return [replace(call, letters=call.letters[:middle]), replace(call, letters=call.letters[middle:])]


# What came back


def _is_shared(refusal: Refused, call: Mailing, mailing: Mailing) -> bool:
    """Whether it is about what all letters have in common; a letter written out has words of its own."""
    fields = {(complaint.field or "").partition(".")[0] for complaint in refusal.complaints} & SHARED_FIELDS
    own = (call.subject, call.html, call.text) != (mailing.subject, mailing.html, mailing.text)
    return bool(fields - {"subject", "content"} if own else fields)


def _shared(refusal: Refused) -> SharedFault:
    return SharedFault(refusal.words, system=SYSTEM, request=refusal.request, status=refusal.status)


def _after(refusal: Refused, call: Mailing) -> tuple[list[Outcome], list[Mailing]]:
    """The letters that were refused for good, and the calls that may carry the others."""
    if len(call.letters) == 1:
        return _all(call, Verdict.REFUSED, reason=str(refusal)), []
    named = _named(refusal, len(call.letters))
    if not named:
        return [], _halves(call)
    refused = [
        Outcome(call.letters[number].send_id, Verdict.REFUSED, reason=f"{SYSTEM}: {refusal.status} {words}")
        for number, words in named.items()
    ]
    others = [letter for number, letter in enumerate(call.letters) if number not in named]
    return refused, [replace(call, letters=others)] if others else []


def _named(refusal: Refused, letters: int) -> dict[int, str]:
    """The letters that SendGrid's errors point at (`personalizations.3.to.0.email`), each with its words."""
    named: dict[int, str] = {}
    for complaint in refusal.complaints:
        found = re.match(r"personalizations[.\[](\d+)", complaint.field or "")
        if found and int(found[1]) < letters:
            named.setdefault(int(found[1]), complaint.words)
    return named


def _all(
    call: Mailing,
    verdict: Verdict,
    *,
    message_id: str | None = None,
    reason: str | None = None,
    retry_after: float | None = None,
) -> list[Outcome]:
    """The same verdict on every letter of the call."""
    return [Outcome(letter.send_id, verdict, message_id, reason, retry_after) for letter in call.letters]


def _untried(calls: Iterable[Mailing], error: ConnectorError) -> list[Outcome]:
    """The letters of calls that did not go out, or that were certainly not taken."""
    after = error.retry_after if isinstance(error, Temporary) else None
    return [outcome for call in calls for outcome in _all(call, Verdict.UNTRIED, reason=str(error), retry_after=after)]


def _anything_went(outcomes: Sequence[Outcome]) -> bool:
    return any(outcome.verdict in (Verdict.ACCEPTED, Verdict.UNSURE) for outcome in outcomes)
