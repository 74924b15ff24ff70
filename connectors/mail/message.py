"""A mailing and one of its letters become that person's own text, and the MIME message that carries it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.utils import encode_rfc2231, format_datetime, quote
from functools import lru_cache

from connectors.base import Address, Attachment, Letter, Mailing
from connectors.errors import Permanent

#: The header that brings our id back in bounces and in replies that quote the headers.
SEND_HEADER = "X-Regulars-Send"

#: Headers that belong to the mailer or to the provider: SendGrid refuses a call that sets one.
RESERVED_HEADERS = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding", "mime-version"}
    | {"from", "to", "cc", "bcc", "subject", "reply-to", "sender", "date", "message-id", "return-path"}
)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SPECIALS = re.compile(r'[()<>\[\]:;@\\,."]')
_HEADER_NAME = re.compile(r"[!-9;-~]+")
#: Stricter than RFC 5322 on purpose: quoted local parts and comments are how headers and recipients get smuggled in.
_MAILBOX = re.compile(r'([^\s<>()\[\],;:\\"@\x00-\x20\x7f-\x9f]{1,64})@([^\s<>()\[\],;:\\"@\x00-\x20\x7f-\x9f]{1,253})')


@dataclass(frozen=True, slots=True)
class Copy:
    """What one person reads: the mailing with this letter's substitutions in it."""

    subject: str
    html: str
    text: str
    reply_to: Address | None


def utc_now() -> datetime:
    """The real time, for mailers that nobody gave another clock."""
    return datetime.now(UTC)


def one_line(text: str) -> str:
    """The text as a header can carry it: no line breaks or other control characters."""
    if text.isprintable():
        return text.strip()
    return well_formed(_CONTROL.sub(" ", text)).strip()


def well_formed(text: str) -> str:
    """The text with half characters (lone surrogates, which no encoding can carry) as question marks."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def fill(template: str, substitutions: Mapping[str, str]) -> str:
    """Every key replaced once, in one pass: a key that stands inside somebody's text stays text."""
    if not substitutions:
        return template
    return _keys_in(tuple(substitutions)).sub(lambda found: substitutions[found[0]], template)


@lru_cache(maxsize=64)
def _keys_in(keys: tuple[str, ...]) -> re.Pattern[str]:
    """Any of the keys; of two that start alike the longer one."""
    return re.compile("|".join(re.escape(key) for key in sorted(keys, key=len, reverse=True)))


def copy_of(mailing: Mailing, letter: Letter) -> Copy:
    """The mailing as this letter's reader sees it."""
    own = letter.substitutions
    reply_to = mailing.reply_to
    if reply_to is not None:
        name = None if reply_to.name is None else fill(reply_to.name, own)
        reply_to = Address(fill(reply_to.email, own), name)
    return Copy(one_line(fill(mailing.subject, own)), fill(mailing.html, own), fill(mailing.text, own), reply_to)


@lru_cache(maxsize=4096)
def ascii_address(email: str) -> str | None:
    """The address as every mail system takes it, the domain in its ASCII form; None where it has no such form."""
    mailbox = _MAILBOX.fullmatch(email)
    if mailbox is None or not mailbox[1].isascii():
        return None
    if mailbox[2].isascii():
        return email
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(email, check_deliverability=False).ascii_email
    except EmailNotValidError:
        return None


def is_address(email: str) -> bool:
    """Whether this is one plain mail address, in any script."""
    return _MAILBOX.fullmatch(email) is not None


def check(mailing: Mailing, *, system: str) -> None:
    """Raises Permanent, naming every fault, where the mailing could not reach its readers as it is meant."""
    faults = [*_header_faults(mailing.letters), *_key_faults(mailing)]
    if not mailing.html and not mailing.text:
        faults.append("the mailing has neither html nor text")
    if ascii_address(mailing.sender.email) is None:
        faults.append(f"the sender's address {mailing.sender.email!r} is not one that every mail server takes")
    if faults:
        raise Permanent("; ".join(faults), system=system, request="send")


def _header_faults(letters: Iterable[Letter]) -> list[str]:
    names: set[str] = set().union(*(letter.headers for letter in letters))
    return [
        f"header {name!r} is reserved" if name.lower() in RESERVED_HEADERS else f"{name!r} is not a header's name"
        for name in sorted(names)
        if name.lower() in RESERVED_HEADERS or not _HEADER_NAME.fullmatch(name)
    ]


def _key_faults(mailing: Mailing) -> list[str]:
    """A letter without a key that the skeleton holds would show the key itself to its reader."""
    skeleton = "\0".join((mailing.subject, mailing.html, mailing.text))
    wanted = {key for key in keys_of(mailing) if key in skeleton}
    return [
        f"letter {letter.send_id} has no text for the key {key!r}"
        for letter in mailing.letters
        for key in sorted(wanted.difference(letter.substitutions))
    ]


def keys_of(mailing: Mailing) -> set[str]:
    """Every key that some letter has a text for."""
    return set().union(*{tuple(letter.substitutions) for letter in mailing.letters})


def message_id(mailing: Mailing, letter: Letter) -> str:
    """The Message-ID made from the send id, so that one send has one id however often it is tried."""
    domain = ascii_address(mailing.sender.email) or "@localhost"
    return f"<{plain(letter.send_id)}@{domain.rpartition('@')[2]}>"


def plain(send_id: str) -> str:
    """The send id as it may stand in file names, boundaries and message ids."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", send_id)[:120]


def mime(mailing: Mailing, letter: Letter, *, at: datetime) -> bytes:
    """The RFC 5322 message, text and HTML side by side with files behind, lines ended by CRLF; the same arguments give
    the same bytes.

    Written out by hand: `email.message` takes the quotes off a folded `"Doe, Jane"` (Python 3.11), which makes two
    recipients of one.
    """
    own = copy_of(mailing, letter)
    # No quoted-printable text contains "=_", so this boundary cannot stand in a part.
    boundary = f"=_{plain(letter.send_id)[:60]}"
    headers = {
        "From": _mailbox(mailing.sender),
        "To": _mailbox(letter.to),
        **({"Reply-To": _mailbox(own.reply_to)} if own.reply_to else {}),
        "Subject": _words(own.subject, "Subject"),
        "Date": format_datetime(at.astimezone(UTC)),
        "Message-ID": message_id(mailing, letter),
        SEND_HEADER: one_line(letter.send_id),
        **{name: _words(one_line(value), name) for name, value in letter.headers.items()},
        "MIME-Version": "1.0",
    }
    parts = [("plain", own.text), ("html", own.html)]
    body = "".join(_part(subtype, content, boundary) for subtype, content in parts if content)
    body = f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n{body}--{boundary}--\r\n'
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{head}{_with_files(body, mailing.attachments, boundary)}".encode()


def _part(subtype: str, content: str, boundary: str) -> str:
    lines = content.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    quoted = binascii.b2a_qp(lines, istext=True).replace(b"\n", b"\r\n").decode("ascii")
    return (
        f"--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: quoted-printable\r\n\r\n{quoted}\r\n"
    )


def _with_files(body: str, files: Sequence[Attachment], boundary: str) -> str:
    if not files:
        return body
    outer = f"{boundary}.m"
    parts = f"--{outer}\r\n{body}" + "".join(_file(file, outer) for file in files)
    return f'Content-Type: multipart/mixed; boundary="{outer}"\r\n\r\n{parts}--{outer}--\r\n'


def _file(file: Attachment, boundary: str) -> str:
    name = file_name(file).replace('"', "'")
    said = f'filename="{name}"' if name.isascii() else f"filename*={encode_rfc2231(name, 'utf-8')}"
    lines = base64.encodebytes(file.content).replace(b"\n", b"\r\n").decode("ascii")
    return (
        f"--{boundary}\r\nContent-Type: {one_line(file.type)}\r\n"
        f"Content-Disposition: attachment; {said}\r\n"
        f"Content-Transfer-Encoding: base64\r\n\r\n{lines}"
    )


def file_name(file: Attachment) -> str:
    """The name without what leads into another folder."""
    return re.sub(r"[/\\:]+", "-", one_line(file.name))[:150] or "file"


def quoted(name: str) -> str:
    """The name in quotes where a comma or the like would otherwise cut it in two."""
    return f'"{quote(name)}"' if _SPECIALS.search(name) else name


def _mailbox(address: Address) -> str:
    name = one_line(address.name or "")
    email = ascii_address(address.email) or one_line(address.email)
    if not name:
        return email
    return f"{quoted(name) if _plain_words(name) else _words(name, 'To')} <{email}>"


def _words(text: str, header: str) -> str:
    """The text as a header's value: as it is, or in encoded words where plain ASCII cannot carry it."""
    return text if _plain_words(text) else Header(text, "utf-8", header_name=header).encode(linesep="\r\n")


def _plain_words(text: str) -> bool:
    """Whether the text may stand in a header as it is: no encoded word in disguise, no line over 998 bytes."""
    return text.isascii() and "=?" not in text and len(text) < 900
