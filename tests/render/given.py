"""A sender, links, sample people and templates for the tests of rendering."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from connectors.base import Address
from runner.links import Links
from runner.render import Group, Person, Rendered, Templates
from runner.settings import Sender

REPOSITORY = Path(__file__).resolve().parents[2]
LINKS = Links("https://hello.acme.example", ["s3cret"])
SENDER = Sender(name="Acme & Sons", email="hello@acme.example", address="1 Main St, Springfield")

CONTACT: Mapping[str, Any] = {
    "points": Decimal(120),
    "id": 1,
    "email": "ada@example.com",
    "first_name": "Ada",
    "last_name": None,
    "nps_score": None,
    "customer_since": date(2024, 2, 29),
    "first_order_at": datetime(2024, 2, 29, 12, 0, tzinfo=UTC),
    "last_order_at": datetime(2026, 11, 17, 23, 30, tzinfo=UTC),
    "renewal_date": "2026-12-22",
    "revenue": Decimal("1234.5000"),
}
COMPANY: Mapping[str, Any] = {"name": None}
ANSWER: Mapping[str, Any] = {"score": 4.0, "comment": None, "kind": "nps"}
CART: Mapping[str, Any] = {"cart_id": "c-1", "url": "https://shop.example.com/cart/c-1"}
INVOICE: Mapping[str, Any] = {"invoice_id": "2026-118", "due_on": date(2026, 11, 19), "amount": Decimal(120)}
TICKET: Mapping[str, Any] = {"subject": "Where is it?", "message_id": "<q1@example.org>"}
EXPECTED: Mapping[str, Any] = {"words": "3 working hours", "hours": 3, "by": datetime(2026, 11, 23, 12, tzinfo=UTC)}

EVENT: Mapping[str, Any] = {
    "tier": "gold", "tier_before": "silver", "falls_on": date(2026, 12, 22), "points": 120.0,
    "expires_on": date(2026, 12, 1), "friend": "Bob", "coupon": "TEN-7Q4K", "reward": "a voucher for 10 €",
}  # fmt: skip


def person(number: int = 1, *, language: str | None = None, answer: Any = ANSWER, **contact: Any) -> Person:
    context = {
        "contact": {**CONTACT, "id": number, **contact},
        "company": COMPANY,
        "answer": answer,
        "cart": CART,
        "invoice": INVOICE,
        "ticket": TICKET,
        "expected": EXPECTED,
        "event": EVENT,
        "now": datetime(2026, 11, 22, 9, tzinfo=UTC),
        "today": date(2026, 11, 22),
        "currency": "EUR",
    }
    return Person(f"send-{number}", Address("ada@example.com"), language, context)


def written(folder: Path, **files: str) -> Templates:
    """Templates with these files below `email/`; `thanks_mjml` stands for `thanks.mjml`."""
    (folder / "templates/email").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        file = name[0] + name[1:].replace("_", ".")
        (folder / "templates/email" / file).write_text(text, encoding="utf-8")
    return Templates(folder / "templates", LINKS, SENDER)


def mjml(*, text: str = "", head: str = "", more: str = "") -> str:
    return (
        f"<mjml><mj-head>{head}</mj-head><mj-body><mj-section><mj-column><mj-text>{text}</mj-text>{more}"
        "</mj-column></mj-section></mj-body></mjml>"
    )


def mailings(
    templates: Templates,
    people: Sequence[Person],
    *,
    template: str = "email/a",
    subject: str = "Hello",
    preheader: str | None = None,
    max_keys: int | None = None,
    max_bytes: int | None = None,
) -> Rendered:
    return templates.mailings(template, subject, preheader, people, max_keys=max_keys, max_bytes=max_bytes)


def received(rendered: Rendered) -> dict[str, tuple[str, str, str]]:
    """Subject, HTML and text by send id, as a mailer puts them together."""
    return {
        send_id: (_put(group.subject, own), _put(group.html, own), _put(group.text, own))
        for group in rendered.groups
        for send_id, own in group.letters
    }


def _put(part: str, own: Mapping[str, str]) -> str:
    """One after the other, as a provider does it that knows nothing of the keys."""
    for key, text in own.items():
        part = part.replace(key, text)
    return part


def shared(rendered: Rendered) -> Group:
    """The one group there is."""
    (group,) = rendered.groups
    return group


def without_tags(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html[html.index("<body") :]).split())
