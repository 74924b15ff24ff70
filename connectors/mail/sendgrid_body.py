"""A call's letters become the body of a request to SendGrid."""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import Address, Attachment, Letter, Mailing
from connectors.mail.message import SEND_HEADER, ascii_address, file_name, one_line, quoted, well_formed
from connectors.mail.sendgrid_settings import SendGridSettings

#: The custom argument that brings our id back in every event.
SEND_ARGUMENT = "regulars_send"


def body_of(call: Mailing, settings: SendGridSettings) -> dict[str, Any]:
    content = [("text/plain", call.text), ("text/html", call.html)]
    body: dict[str, Any] = {
        "personalizations": [personalization(letter) for letter in call.letters],
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
    if labels := labels_of(call.categories):
        body["categories"] = labels
    if settings.unsubscribe_group is not None:
        body["asm"] = {"group_id": settings.unsubscribe_group}
    if settings.sandbox:
        body["mail_settings"] = {"sandbox_mode": {"enable": True}}
    return body


def personalization(letter: Letter) -> dict[str, Any]:
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
        "substitutions": _well_formed(letter.substitutions),
    }


def _well_formed(texts: Mapping[str, str]) -> dict[str, str]:
    if "".join(texts.values()).isascii():
        return dict(texts)
    return {key: well_formed(words) for key, words in texts.items()}


def _file(file: Attachment) -> dict[str, str]:
    content = base64.b64encode(file.content).decode("ascii")
    return {"content": content, "type": file.type, "filename": file_name(file), "disposition": "attachment"}


def _party(address: Address) -> dict[str, str]:
    name = one_line(address.name or "")
    email = ascii_address(address.email) or address.email
    return {"email": email, "name": name} if name else {"email": email}


def labels_of(categories: Sequence[str]) -> list[str]:
    """The categories as SendGrid takes them, ASCII and each once; a label is no reason to keep a mail back."""
    plain = (unicodedata.normalize("NFKD", category).encode("ascii", "ignore").decode() for category in categories)
    return list(dict.fromkeys(label[:255] for label in map(one_line, plain) if label))
