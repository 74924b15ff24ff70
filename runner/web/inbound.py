"""Mail that a provider posts: the caller is verified, the head of the mail is kept, then acknowledged."""

from __future__ import annotations

from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP

import structlog
from starlette.responses import PlainTextResponse, Response

from connectors.feeds.inbound import Inbound
from runner import collect
from runner.web.desk import Desk

log = structlog.get_logger()


def take(desk: Desk, name: str, source: Inbound, headers: dict[str, str], body: bytes) -> Response:
    """200 once the mail is on disk; a fault of ours is 500, after which the provider tries again."""
    now = desk.now()
    if not source.verify(headers, body, now=now):
        log.warning("the signature or password of a mail is wrong; it was refused", action="inbound", connector=name)
        return PlainTextResponse("the signature or the password is wrong\n", 401)
    head = source.body(_form(headers.get("content-type", ""), body), now)
    if head is None:
        return PlainTextResponse("there is no mail's head in it\n", 400)
    collect.tell(desk.store, name, head, now)
    return PlainTextResponse("kept\n")


def _form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a multipart form; files are passed over."""
    whole = b"Content-Type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n" + body
    fields: dict[str, str] = {}
    for part in BytesParser(policy=HTTP).parsebytes(whole).iter_parts():
        name = part.get_param("name", header="content-disposition")
        if isinstance(part, EmailMessage) and isinstance(name, str) and part.get_filename() is None:
            content = part.get_payload(decode=True)
            fields[name] = content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
    return fields
