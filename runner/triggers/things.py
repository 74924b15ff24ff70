"""What has a date and belongs to somebody: deals, contracts, subscriptions, companies, and who hears of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from runner.conditions import Field
from runner.conditions.brought import kept
from runner.conditions.fields import custom_value
from runner.store.functions import json_object
from runner.store.tables import companies, company_sources, facts
from runner.triggers.whose import primary, recipient, told_a_colleague
from runner.triggers.window import Window


@dataclass(frozen=True, slots=True)
class Kind:
    """A table of things."""

    table: sa.Table
    #: What names one of them.
    id: str
    #: Of several rows with one id the one with the last of these counts.
    version: str | None = None
    #: Of which rows nobody needs to hear any more, on a local day.
    settled: Callable[[Any, Any], Any] = lambda row, today: sa.false()


def _renewed(contract: Any, today: Any) -> Any:
    return sa.and_(contract.c.renewed_on.is_not(None), contract.c.renewed_on <= today)


def _paid(invoice: Any, today: Any) -> Any:
    """Paid in full by that day; with nothing said of how much, all of it."""
    c = invoice.c
    in_full = sa.func.coalesce(c.paid_amount, sa.case((c.paid_on.is_not(None), c.amount), else_=0)) >= c.amount
    return sa.and_(in_full, sa.or_(c.paid_on.is_(None), c.paid_on <= today))


#: By the word that fields and templates use.
THINGS: Mapping[str, Kind] = {
    "contract": Kind(facts["contracts"], "contract_id", settled=_renewed),
    "deal": Kind(facts["deals"], "deal_id"),
    "exit": Kind(facts["exits"], "source_id"),
    "invoice": Kind(facts["invoices"], "invoice_id", settled=_paid),
    "order": Kind(facts["orders"], "order_id"),
    "project": Kind(facts["projects"], "project_id"),
    "subscription": Kind(facts["subscriptions"], "subscription_id", version="started_on"),
}


def things(word: str, *where: Any) -> Any:
    """These rows of a kind, a subquery: their columns, `recipient_id`, `named`, `company_told`, and `told` of each."""
    if word == "company":
        return _companies(*where)
    kind = THINGS[word]
    table = kind.table
    company = table.c.company_source if "company_source" in table.c else sa.cast(sa.null(), sa.Integer)
    chosen = sa.select(
        *table.c,
        recipient(table.c.contact_source, company).label("recipient_id"),
        (sa.literal(f"{word} ") + table.c.connector + ":" + table.c[kind.id]).label("named"),
        company.label("company_told"),
        json_object(word, kept(word, dict(table.c))).label("told"),
    ).where(table.c.deleted_at.is_(None), *where)
    if kind.version is not None:
        later = table.alias("later").c
        newer = sa.exists().where(
            later.connector == table.c.connector, later[kind.id] == table.c[kind.id],
            later.deleted_at.is_(None), later[kind.version] > table.c[kind.version],
        )  # fmt: skip
        chosen = chosen.where(~newer)
    return chosen.subquery("thing")


def _companies(*where: Any) -> Any:
    source = sa.select(sa.func.min(company_sources.c.id)).where(company_sources.c.company_id == companies.c.id)
    firm = (
        sa.select(companies, source.scalar_subquery().label("company_told"))
        .where(companies.c.deleted_at.is_(None), *where)
        .subquery("firm")
    )
    return sa.select(
        firm,
        primary(firm.c.company_told).label("recipient_id"),
        (sa.literal("company ") + firm.c.key).label("named"),
        json_object().label("told"),
    ).subquery("thing")


def column_of(thing: Any, field: Field) -> Field:
    """A field of a thing with its column in the subquery."""
    attr = field.name.partition(".")[2]
    column = custom_value(thing.c.custom, attr, field.kind) if field.is_custom else thing.c[attr]
    return replace(field, column=column)


def concerns(window: Window, word: str, thing: Any, occasion: Any) -> Any:
    """Whether somebody should hear of it: it is not settled, and no colleague has heard of it for this occasion."""
    settled = THINGS[word].settled(thing, window.today.sql()) if word in THINGS else sa.false()
    return sa.and_(sa.not_(settled), ~told_a_colleague(window.playbook, occasion, thing.c.company_told))
