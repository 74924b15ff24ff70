"""A shop's rows for the tests of the figures: people, orders, surveys, mails, each in one line."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import sqlalchemy as sa

from runner import kpis
from runner.kpis import Kpi, Period
from runner.settings import Settings
from runner.store.tables import (
    answers,
    companies,
    company_sources,
    contact_changes,
    contact_sources,
    contacts,
    enrollments,
    facts,
    purchases,
    sends,
    surveys,
)
from runner.store.types import Instant

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LATER = datetime(2030, 1, 1, tzinfo=UTC)
JANUARY = Period(date(2026, 1, 1), date(2026, 2, 1))


def settings(**changed: Any) -> Settings:
    """Smallest settings; `changed` are those under test."""
    needed = {
        "public_url": "https://acme.example",
        "secret": "long enough",
        "sender": {"name": "Acme", "email": "hello@acme.example", "address": "1 Main St"},
        "mail": {"type": "outbox"},
    }
    return Settings.model_validate(needed | changed)


#: What a source's row is called by, where a test need not say.
_IDS = {
    "contracts": ("contract_id",), "invoices": ("invoice_id",), "tickets": ("ticket_id",), "carts": ("cart_id",),
    "wishlist_items": ("item_id",), "referrals": ("referral_id",), "review_requests": ("request_id",),
    "projects": ("project_id",), "reports": ("report_id",), "subscriptions": ("subscription_id",),
    "refunds": ("refund_id",), "orders": ("order_id",),
}  # fmt: skip


def _typed(column: sa.Column[Any], value: Any) -> Any:
    """A time or day that is written as text, as such."""
    if isinstance(value, str) and isinstance(column.type, Instant):
        return on(value)
    return date.fromisoformat(value) if isinstance(value, str) and isinstance(column.type, sa.Date) else value


def on(day: str) -> datetime:
    """Noon of a day in UTC, or the instant given in full."""
    at = datetime.fromisoformat(day)
    return at if at.tzinfo else at.replace(hour=12, tzinfo=UTC)


@dataclass
class Shop:
    #: One transaction a test: committing every row would take most of its time.
    connection: sa.Connection
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def person(self, **changed: Any) -> int:
        return self.people(1, **changed)[0]

    def people(self, many: int, **changed: Any) -> list[int]:
        numbers = [next(self._numbers) for _ in range(many)]
        times = dict.fromkeys(("created_at", "seen_at", "changed_at"), LONG_AGO)
        common = {"zone": "UTC", "custom": {}} | times | changed
        self._insert(contacts, [{"id": number, "key": f"crm:{number}"} | common for number in numbers])
        self._insert(
            contact_sources,
            [
                {"id": number, "connector": "crm", "source_id": str(number), "contact_id": number, "seen_at": LONG_AGO}
                for number in numbers
            ],
        )
        return numbers

    def company(self, **changed: Any) -> int:
        number = next(self._numbers)
        row = {"id": number, "key": f"crm:{number}", "custom": {}, "seen_at": LONG_AGO, "changed_at": LONG_AGO}
        self._insert(companies, [row | changed])
        return number

    def company_source(self) -> int:
        """A company that a source tells of, by the number of its row."""
        company = self.company()
        row = {"id": company, "connector": "crm", "source_id": str(company), "company_id": company}
        self._insert(company_sources, [row | {"seen_at": LONG_AGO}])
        return company

    def orders(
        self, buyers: list[int], day: str, *, seen: str = "2020-01-01", net: str = "50", **changed: Any
    ) -> list[str]:
        """An order of each that counts; gives the source's ids."""
        ids = [str(next(self._numbers)) for _ in buyers]
        row = {"at": on(day), "total": Decimal(net), "net": Decimal(net), "value": Decimal(net), "seen_at": on(seen)}
        rows = [{"contact_id": buyer, "order_key": f"crm:{id}"} for buyer, id in zip(buyers, ids, strict=True)]
        self._insert(purchases, [one | row | changed for one in rows])
        return ids

    def facts(self, table: str, *rows: dict[str, Any], of: int | None = None) -> None:
        """Rows as a source brings them; a person `of` whom all are, or each one's own under `of`. Days are noons."""
        told = []
        for row in rows:
            number, kinds = str(next(self._numbers)), facts[table].c
            own = {name: _typed(kinds[name], value) for name, value in row.items() if name != "of"}
            person = row.get("of", of)
            if "contact_source" in kinds:
                own["contact_source"] = person
            ids = {name: number for name in _IDS.get(table, ()) if name not in own}
            common = {"connector": "crm", "source_id": number, "row_hash": "", "seen_at": LONG_AGO}
            references = {name: str(person) for name in ("contact_id", "customer_id", "referrer_id") if name in kinds}
            custom = {"custom": {}} if "custom" in kinds else {}
            told.append(common | references | ids | custom | own)
        self._insert(facts[table], told)

    def survey(self, people: int | list[int], score: float | None, day: str = "2026-01-10", **changed: Any) -> None:
        """A survey that a source brings; `day` is the answer's."""
        row = {"kind": "nps", "scale": "0-10", "score": score, "responded_at": on(day), "sent_at": None}
        self._facts(surveys, "response_id", people, row | changed)

    def foreign_mail(self, people: int | list[int], *came_back: str, **changed: Any) -> None:
        """A mail that somebody else sent to each, and what came back of it."""
        outcomes = ("bounced", "machine_open", "human_open", "clicked", "unsubscribed", "complained")
        row = {outcome: outcome in came_back for outcome in outcomes} | {"sent_at": on("2026-01-10")}
        self._facts(facts["emails"], "message_id", people, row | changed)

    def mail(self, person: int, day: str = "2026-01-10", *, again: str | None = None, **changed: Any) -> str:
        """A mail of ours, accepted; `again` is the id of the send whose step this one repeats."""
        number = next(self._numbers)
        of = {"playbook": "p", "contact_id": person}
        enrollment = number
        if again is None:
            times = dict.fromkeys(("occurred_at", "step_since", "due_at", "entered_at"), on(day))
            row = {"version": "v", "occasion": str(number), "facts": {}, "arm": "treated", "state": "done", "step": "a"}
            self._insert(enrollments, [of | times | row | {"id": number}])
        else:
            enrollment = int(again.removeprefix("s-"))
        row = {"id": f"s-{number}", "enrollment_id": enrollment, "step": "a", "attempt": number, "action": "send_email",
               "address": "a@b.eu", "mailer": "sendgrid", "topic": "all", "purpose": "marketing", "state": "accepted",
               "claimed_at": on(day), "local_day": on(day).date()}  # fmt: skip
        self._insert(sends, [of | row | changed])
        return f"s-{number}"

    def enrolled(self, people: list[int], arm: str, day: str) -> None:
        times = dict.fromkeys(("occurred_at", "step_since", "due_at", "entered_at"), on(day))
        row = {"version": "v", "occasion": "o", "facts": {}, "arm": arm, "state": "done", "step": "a", "playbook": "p"}
        self._insert(enrollments, [times | row | {"contact_id": person} for person in people])

    def scored(self, person: int, old: float | None, new: float, day: str) -> None:
        """A night's score that was another one the night before."""
        row = {"contact_id": person, "field": "churn_risk", "old": old, "new": new, "at": on(day), "seen_at": on(day)}
        self._insert(contact_changes, [row])

    def answer(
        self,
        person: int,
        score: float | None,
        day: str = "2026-01-10",
        *,
        kind: str = "nps",
        send: str = "",
        **changed: Any,
    ) -> None:
        """An answer on our own survey page."""
        sent = send or self.mail(person, day, action="survey", about=kind)
        times = dict.fromkeys(("answered_at", "changed_at", "seen_at"), on(day))
        self._insert(answers, [{"send_id": sent, "contact_id": person, "kind": kind, "score": score} | times | changed])

    def figures(
        self, period: Period = JANUARY, *, as_of: datetime = LATER, keys: list[str] | None = None, **changed: Any
    ) -> dict[str, Kpi]:
        asked = settings(**changed)
        told = kpis.compute(self.connection, period=period, as_of=as_of, settings=asked, keys=keys)
        return {kpi.key: kpi for kpi in told}

    def _facts(self, table: sa.Table, id_column: str, people: int | list[int], row: dict[str, Any]) -> None:
        told = []
        for person in [people] if isinstance(people, int) else people:
            number = str(next(self._numbers))
            ids = {"source_id": number, id_column: number, "contact_id": str(person), "contact_source": person}
            told.append({"connector": "crm", "row_hash": "", "seen_at": LONG_AGO} | ids | row)
        self._insert(table, told)

    def _insert(self, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        self.connection.execute(sa.insert(table), rows)
