"""Which rows count and for whom: what every family of KPIs asks of the store."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from runner.kpis.asked import Asked, Segment
from runner.store.functions import numbers_in, unindexed
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


def _roots(merges: sa.CTE) -> sa.CTE:
    """Each contact that was merged, with the one that is left."""
    left = contacts.alias()
    found = sa.select(merges.c.id, left.c.id.label("survivor")).join(left, left.c.id == merges.c.survivor)
    return found.where(left.c.merged_into.is_(None)).cte("roots")


_MERGES = _merges()
_ROOTS = _roots(_MERGES)
#: One row of nothing: what is joined on a condition alone.
_ANYTHING = sa.select(sa.literal(1).label("one")).subquery("anything")


def with_people(
    asked: Asked, rows: sa.FromClause, contact_id: sa.ColumnElement[int]
) -> tuple[sa.FromClause, sa.ColumnElement[int]]:
    """The rows that count, and the id of the person whose they are: merged records are one person."""
    if asked.segment is not None:
        joined, person = _joined(asked, rows, contact_id)
        return joined, person.c.id
    known = getattr(contact_id, "nullable", True)
    own = _but_some(rows, contact_id, asked.always(not_counted), perhaps_nobodys=known)
    if not asked.always(_some_merged):
        return own, contact_id
    return own.outerjoin(_ROOTS, _ROOTS.c.id == contact_id), sa.func.coalesce(_ROOTS.c.survivor, contact_id)


def _joined(
    asked: Asked, rows: sa.FromClause, contact_id: sa.ColumnElement[int]
) -> tuple[sa.FromClause, sa.FromClause]:
    """The same with the person's own row."""
    person = contacts.alias()
    joined = rows.outerjoin(_MERGES, _MERGES.c.id == contact_id).join(
        person,
        sa.and_(
            person.c.id == sa.func.coalesce(_MERGES.c.survivor, contact_id),
            person.c.merged_into.is_(None),
            person.c.is_test.is_not(True),
            asked.alive(person.c.deleted_at),
            *(() if asked.segment is None else (_among(person.c.id, asked.segment),)),
        ),
    )
    return joined, person


def _among(person: sa.ColumnElement[int], segment: Segment) -> sa.ColumnElement[bool]:
    """By an index SQLite would go through all rows of the period once for each of these people."""
    return unindexed(person).in_(segment.people)


def _but_some(
    rows: sa.FromClause, whose: sa.ColumnElement[int], left_out: str, *, perhaps_nobodys: bool
) -> sa.FromClause:
    """Nearly everybody counts: who does not is looked up, and not each one who does."""
    here = [whose.is_not(None)] if perhaps_nobodys else []
    others = [whose.not_in(numbers_in(left_out))] if left_out else []
    return rows.join(_ANYTHING, sa.and_(*here, *others)) if here or others else rows


def _some_merged(asked: Asked) -> bool:
    merged = sa.select(contacts.c.id).where(contacts.c.merged_into.is_not(None)).limit(1)
    return asked.connection.scalar(merged) is not None


def not_counted(asked: Asked) -> str:
    """Tests, the deleted and whoever was merged into one, as a JSON array; empty where there are none."""
    c = contacts.c
    out = sa.or_(c.is_test, sa.not_(asked.alive(c.deleted_at)))
    gone = set(asked.connection.scalars(sa.select(c.id).where(out, c.merged_into.is_(None))))
    theirs = asked.connection.execute(sa.select(_ROOTS.c.id, _ROOTS.c.survivor)) if gone else ()
    return _listed({*gone, *(merged for merged, survivor in theirs if survivor in gone)})


def _sources_not_counted(asked: Asked) -> str:
    """The same of what connectors call them, and those whose contact has not arrived."""
    s = contact_sources.c
    left_out = asked.always(not_counted)
    theirs = sa.select(s.id).where(s.contact_id.in_(numbers_in(left_out))) if left_out else None
    nobodys = sa.select(s.id).where(s.contact_id.is_(None))
    return _listed(asked.connection.scalars(nobodys if theirs is None else nobodys.union(theirs)))


def _listed(numbers: Iterable[int]) -> str:
    found = sorted(numbers)
    return json.dumps(found) if found else ""


def with_facts(asked: Asked, facts: sa.Table) -> sa.FromClause:
    """Facts about people that count, where nobody asks whose they are."""
    if asked.segment is not None:
        return with_people(asked, with_sources(facts), contact_sources.c.contact_id)[0]
    return _but_some(facts, facts.c.contact_source, asked.always(_sources_not_counted), perhaps_nobodys=True)


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
        belongs = sa.and_(belongs, unindexed(company.c.id).in_(some))
    sources = facts.join(company_sources, company_sources.c.id == facts.c.company_source)
    return sources.join(company, belongs), company.c.id


def with_anybody(asked: Asked, facts: sa.Table) -> sa.FromClause:
    """Facts of which some are nobody's we know, such as web sessions: all but those of test records and the deleted.

    In a segment are only those of its people.
    """
    if asked.segment is not None:
        return with_people(asked, with_sources(facts), contact_sources.c.contact_id)[0]
    left_out = asked.always(not_counted)
    if not left_out:
        return facts
    theirs = sa.select(contact_sources.c.id).where(contact_sources.c.contact_id.in_(numbers_in(left_out)))
    counted = sa.or_(facts.c.contact_source.is_(None), facts.c.contact_source.not_in(theirs))
    return sa.select(facts).where(counted).subquery(facts.name)


def as_they_lie(asked: Asked, rows: sa.FromClause, facts: sa.Table, *which: sa.ColumnElement[bool]) -> sa.FromClause:
    """The same rows, of which an index finds `which`, in the order in which they lie in the file.

    In the index's own order SQLite goes back and forth between pages, which takes up to twice as long where they do not
    lie by time; PostgreSQL sorts them by itself. A segment's rows are found by its people.
    """
    if asked.segment is not None or asked.connection.dialect.name != "sqlite":
        return rows
    # The limit keeps SQLite from leaving out the order of what is joined.
    wanted = sa.select(facts.c.id).where(*which).order_by(facts.c.id).limit(-1).subquery("wanted")
    own = next((table for table in (rows, facts) if isinstance(table, sa.Subquery)), facts)
    return wanted.join(rows, wanted.c.id == own.c.id)


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
