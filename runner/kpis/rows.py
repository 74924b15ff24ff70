"""Which rows count and for whom: what every family of KPIs asks of the store."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from runner.kpis.measure import Asked
from runner.store.functions import numbers_in
from runner.store.tables import companies, company_sources, contact_sources, contacts, sends
from runner.store.types import Exact

#: What a message that never arrived is marked with.
NOT_DELIVERED = ("bounced", "blocked", "dropped")


def _merges() -> sa.CTE:
    """Each contact that was merged, with those it was merged into, directly or by way of others."""
    found = (
        sa.select(contacts.c.id, contacts.c.merged_into.label("survivor"))
        .where(contacts.c.merged_into.is_not(None))
        .cte("merges", recursive=True)
    )
    further = sa.select(found.c.id, contacts.c.merged_into).join(contacts, contacts.c.id == found.c.survivor)
    return found.union(further.where(contacts.c.merged_into.is_not(None)))


_MERGES = _merges()
#: One row of nothing: what is joined on a condition alone.
_ANYTHING = sa.select(sa.literal(1).label("one")).subquery("anything")


def with_people(
    asked: Asked, rows: sa.FromClause, contact_id: sa.ColumnElement[int]
) -> tuple[sa.FromClause, sa.ColumnElement[int]]:
    """The rows that count, and the id of the person whose they are: merged records are one person."""
    if asked.segment is not None or asked.once(_some_merged):
        joined, person = _joined(asked, rows, contact_id)
        return joined, person.c.id
    # Nearly everybody counts: who does not is looked up, and not each one who does.
    left_out = asked.once(_not_counted)
    here = [contact_id.is_not(None)] if getattr(contact_id, "nullable", True) else []
    others = [contact_id.not_in(numbers_in(left_out))] if left_out else []
    return (rows.join(_ANYTHING, sa.and_(*here, *others)) if here or others else rows), contact_id


def _joined(
    asked: Asked, rows: sa.FromClause, contact_id: sa.ColumnElement[int]
) -> tuple[sa.FromClause, sa.FromClause]:
    person = contacts.alias()
    joined = rows.outerjoin(_MERGES, _MERGES.c.id == contact_id).join(
        person,
        sa.and_(
            person.c.id == sa.func.coalesce(_MERGES.c.survivor, contact_id),
            person.c.merged_into.is_(None),
            person.c.is_test.is_not(True),
            asked.alive(person.c.deleted_at),
            *(() if asked.segment is None else (person.c.id.in_(asked.segment.people),)),
        ),
    )
    return joined, person


def _some_merged(asked: Asked) -> bool:
    merged = sa.select(contacts.c.id).where(contacts.c.merged_into.is_not(None)).limit(1)
    return asked.connection.scalar(merged) is not None


def _not_counted(asked: Asked) -> str:
    """Tests and the deleted, as a JSON array; empty where there are none."""
    gone = sa.or_(contacts.c.is_test, sa.not_(asked.alive(contacts.c.deleted_at)))
    found = list(asked.connection.scalars(sa.select(contacts.c.id).where(gone)))
    return json.dumps(found) if found else ""


def with_customers(
    asked: Asked, rows: sa.FromClause, contact_id: sa.ColumnElement[int]
) -> tuple[sa.FromClause, sa.ColumnElement[int]]:
    """The same for customers: persons or, where the account says so, the companies they belong to."""
    if asked.settings.customers == "contact":
        return with_people(asked, rows, contact_id)
    joined, person = _joined(asked, rows, contact_id)
    company = companies.alias()
    belongs = sa.and_(company.c.id == person.c.company_id, asked.alive(company.c.deleted_at))
    return joined.join(company, belongs), company.c.id


def with_accounts(asked: Asked, facts: sa.Table) -> tuple[sa.FromClause, sa.ColumnElement[int]]:
    """Facts about a `customer_id`, which is a person's or a company's as the account says, and whose they are."""
    if asked.settings.customers == "contact":
        return with_people(asked, with_sources(facts), contact_sources.c.contact_id)
    company = companies.alias()
    belongs = sa.and_(company.c.id == company_sources.c.company_id, asked.alive(company.c.deleted_at))
    if asked.segment is not None:
        some = sa.select(contacts.c.company_id).where(contacts.c.id.in_(asked.segment.people))
        belongs = sa.and_(belongs, company.c.id.in_(some))
    sources = facts.join(company_sources, company_sources.c.id == facts.c.company_source)
    return sources.join(company, belongs), company.c.id


def with_anybody(asked: Asked, facts: sa.Table) -> sa.FromClause:
    """Facts of which some are nobody's we know, such as web sessions: all but those of test records and the deleted.

    In a segment are only those of its people.
    """
    if asked.segment is not None:
        return with_people(asked, with_sources(facts), contact_sources.c.contact_id)[0]
    out = sa.or_(contacts.c.is_test, sa.not_(asked.alive(contacts.c.deleted_at)))
    left_out = sa.select(contact_sources.c.id).join(contacts, contacts.c.id == contact_sources.c.contact_id).where(out)
    counted = sa.or_(facts.c.contact_source.is_(None), facts.c.contact_source.not_in(left_out))
    return sa.select(facts).where(counted).subquery(facts.name)


def with_sources(facts: sa.Table) -> sa.FromClause:
    """The facts with `contact_sources`, whose `contact_id` says whose they are, once that person has arrived."""
    return facts.join(contact_sources, contact_sources.c.id == facts.c.contact_source)


def there(asked: Asked, facts: sa.FromClause) -> sa.ColumnElement[bool]:
    """The fact was known at the as-of instant and had not disappeared."""
    return sa.and_(asked.known(facts.c.seen_at), asked.alive(facts.c.deleted_at))


def delivered(message: sa.FromClause = sends) -> sa.ColumnElement[bool]:
    """Accepted by the provider and not sent back; a message of which nobody knows is not counted.

    One in the outbox reached nobody, save where somebody tells what became of it, as the sample company does.
    """
    returned = sa.func.coalesce(message.c.delivery, "").in_(NOT_DELIVERED)
    left_the_house = sa.or_(message.c.mailer != "outbox", message.c.delivery.is_not(None))
    return sa.and_(message.c.state == "accepted", left_the_house, ~returned)


def plain(word: sa.ColumnElement[str], known: Iterable[str]) -> sa.ColumnElement[str]:
    """The word without capitals. One that is known as it stands is not looked at further."""
    return sa.case((word.in_(list(known)), word), else_=sa.func.lower(word))


def one(condition: sa.ColumnElement[bool]) -> sa.Case[int]:
    """1 where the condition holds, else 0: summed, the number of rows."""
    return sa.case((condition, 1), else_=0)


def money(amount: sa.ColumnElement[Any]) -> sa.ColumnElement[Decimal]:
    """What was computed from amounts is one: SQL's arithmetic forgets it."""
    return sa.type_coerce(amount, Exact(4))


def total(amount: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The sum; 0 of no rows."""
    return sa.func.coalesce(sa.func.sum(amount), 0, type_=amount.type)
