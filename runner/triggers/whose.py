"""Who hears of something: the contact it belongs to, or of a company's the company's primary contact."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from runner.store.tables import company_sources, contact_companies, contact_sources, contacts, enrollments


def recipient(contact_source: Any, company_source: Any) -> Any:
    """The contact's number, for a SELECT whose rows point to a contact or a company; NULL where nobody can be told."""
    return sa.func.coalesce(person(contact_source), primary(company_source))


def person(source: Any) -> sa.ScalarSelect[Any]:
    """The contact a source row stands for today, mergers followed."""
    own = contacts.alias("own")
    return (
        sa.select(sa.func.coalesce(own.c.merged_into, own.c.id))
        .join(contact_sources, contact_sources.c.contact_id == own.c.id)
        .where(contact_sources.c.id == source)
        .scalar_subquery()
    )


def primary(company_source: Any) -> Any:
    """Of the people with an address, those first whose main company it is, whoever has been known longest."""
    people = _People("primary")
    return (
        sa.select(people.who.id)
        .select_from(people.joined)
        .where(people.told.id == company_source, people.who.address.is_not(None), people.who.deleted_at.is_(None))
        .order_by(people.link.is_primary.desc(), people.who.created_at, people.who.id)
        .limit(1)
        .scalar_subquery()
    )


def told_a_colleague(playbook: str, occasion: Any, company_source: Any) -> Any:
    """Whether somebody of the company is in for this occasion: who is its primary contact may change meanwhile."""
    people = _People("colleague")
    mine = enrollments.alias("theirs")
    inside = sa.and_(mine.c.playbook == playbook, mine.c.contact_id == people.who.id, mine.c.occasion == occasion)
    return (
        sa.select(mine.c.id)
        .select_from(people.joined.join(mine, inside))
        .where(people.told.id == company_source)
        .exists()
    )


class _People:
    """A company, as any source tells of it, with its people, mergers followed."""

    def __init__(self, name: str) -> None:
        told, same = company_sources.alias(f"{name}_told"), company_sources.alias(f"{name}_same")
        link, source = contact_companies.alias(f"{name}_link"), contact_sources.alias(f"{name}_source")
        own, who = contacts.alias(f"{name}_own"), contacts.alias(f"{name}_who")
        self.told, self.link, self.who = told.c, link.c, who.c
        self.joined: Any = (
            told.join(same, same.c.company_id == told.c.company_id)
            .join(link, link.c.company_source == same.c.id)
            .join(source, source.c.id == link.c.contact_source)
            .join(own, own.c.id == source.c.contact_id)
            .join(who, who.c.id == sa.func.coalesce(own.c.merged_into, own.c.id))
        )
