"""What comes back and what is still owed: returned goods and open invoices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import sqlalchemy as sa

from runner import clock
from runner.kpis.asked import Asked
from runner.kpis.measure import Direction, Figure, Part, Unit, kpi, nothing, quotient
from runner.kpis.rows import money, one, plain, there, total, with_accounts, with_people, with_sources
from runner.store.functions import days_between
from runner.store.tables import contact_sources, facts, orders, refunds

invoices, order_lines = facts["invoices"], facts["order_lines"]
#: Days overdue up to which an open invoice stands in each part.
_AGES = {"due_0_30": 30, "due_31_60": 60, "due_61_90": 90, "due_over_90": None}
_BOUGHT = ("paid", "fulfilled")


@kpi(
    key="dso",
    name="Days sales outstanding",
    unit=Unit.DAYS,
    direction=Direction.LOWER,
    formula="What is still owed at the period's end ÷ what was invoiced in the period × its days. Part payments count, "
    "and credit notes as invoices below 0. "
    "Compare it with your terms of payment.",
    needs=("invoices",),
    reads=(invoices.c.seen_at,),
    nothing="nothing was invoiced in the period",
    entry=27,
    version=2,
    parts={
        "count_back": Part(
            "Days outstanding, counted back",
            Unit.DAYS,
            "How many of the last days' invoices what is owed comes to: growth and seasons do not distort it.",
            Direction.LOWER,
        ),
        "open": Part("Receivables", Unit.MONEY, "What is owed at the period's end.", Direction.LOWER, certain=True),
        "due_0_30": Part(
            "Owed, up to 30 days overdue", Unit.MONEY, "Of it, not due yet or up to 30 days overdue.", certain=True
        ),
        "due_31_60": Part(
            "Owed, 31 to 60 days overdue", Unit.MONEY, "Of it, 31 to 60 days overdue.", Direction.LOWER, certain=True
        ),
        "due_61_90": Part(
            "Owed, 61 to 90 days overdue", Unit.MONEY, "Of it, 61 to 90 days overdue.", Direction.LOWER, certain=True
        ),
        "due_over_90": Part(
            "Owed, more than 90 days overdue", Unit.MONEY, "Of it, over 90 days overdue.", Direction.LOWER, certain=True
        ),
    },
)
def dso(asked: Asked) -> Mapping[str, Figure]:
    c, end = invoices.c, asked.last_instant
    rows, _ = with_accounts(asked, invoices)
    known = sa.and_(there(asked, invoices), c.issued_on < end)
    paid = sa.case(
        (c.paid_on < end, sa.func.coalesce(c.paid_amount, c.amount)),
        (c.paid_on.is_(None), sa.func.coalesce(c.paid_amount, 0, type_=c.amount.type)),
        else_=0,
    )
    # A credit note is an invoice of less than nothing: until it is settled it lowers what is owed.
    owed = sa.case((sa.or_(c.amount > paid, c.amount < 0), money(c.amount - paid)), else_=0)
    overdue = days_between(c.due_on, sa.literal(end, sa.Date()))
    spans, before = [], None
    for upto in _AGES.values():
        within = sa.and_(
            sa.true() if upto is None else overdue <= upto, sa.true() if before is None else overdue > before
        )
        spans.append(total(sa.case((within, owed), else_=0)))
        before = upto
    issued = total(sa.case((c.issued_on >= asked.period.start, c.amount), else_=0))
    sums = sa.select(total(owed), issued, sa.func.count(), *spans).select_from(rows).where(known)
    receivable, sold, n, *ages = asked.connection.execute(sums).one()
    days = (end - asked.period.start).days
    if not n:
        return dict.fromkeys(("", *dso.parts), nothing())
    return {
        "": quotient(Decimal(receivable) * days, max(Decimal(sold), Decimal(0)), n),
        "count_back": _count_back(asked, Decimal(receivable), n),
        "open": Figure(float(receivable), n),
        **{name: Figure(float(amount), n) for name, amount in zip(_AGES, ages, strict=True)},
    }


def _count_back(asked: Asked, receivable: Decimal, n: int) -> Figure:
    if receivable <= 0:
        return Figure(0.0, n)
    rows, _ = with_accounts(asked, invoices)
    c, end = invoices.c, asked.last_instant
    by_day = (
        sa.select(c.issued_on, sa.func.sum(c.amount))
        .select_from(rows)
        .where(there(asked, invoices), c.issued_on < end, c.amount > 0)
        .group_by(c.issued_on)
        .order_by(c.issued_on.desc())
    )
    for day, sold in asked.connection.execute(by_day):
        if receivable <= sold:
            return Figure((end - day).days - 1 + float(receivable / sold), n)
        receivable -= sold
    return nothing(n=n)


@kpi(
    key="product_return_rate",
    name="Product return rate",
    unit=Unit.RATIO,
    direction=Direction.LOWER,
    formula="Of the units sold in the orders of the period, the share given back so far.",
    needs=("orders", "refunds"),
    reads=(refunds.c.seen_at,),
    nothing="no units are known of the orders of the period",
    entry=28,
    parts={
        "value": Part("Return rate by value", Unit.RATIO, "The same by amount, goods or not.", Direction.LOWER),
        "open": Part(
            "Orders that may still come back",
            Unit.RATIO,
            "The share of the period's orders still within the time for sending back: their returns are not all in.",
        ),
    },
)
def product_return_rate(asked: Asked) -> Mapping[str, Figure]:
    o = orders.c
    rows, _ = with_people(asked, with_sources(orders), contact_sources.c.contact_id)
    bought = sa.or_(o.status.is_(None), plain(o.status, _BOUGHT).in_(_BOUGHT))
    lines = sa.select(sa.func.sum(order_lines.c.units)).where(
        order_lines.c.connector == o.connector, order_lines.c.order_id == o.order_id, there(asked, order_lines)
    )
    back = [
        sa.select(sa.func.sum(amount)).where(
            refunds.c.connector == o.connector, refunds.c.order_id == o.order_id, there(asked, refunds)
        )
        for amount in (refunds.c.units, refunds.c.amount)
    ]
    closes = clock.local(asked.as_of, asked.zone) - timedelta(days=asked.settings.kpis.return_window.days)
    each = (
        sa.select(
            sa.func.coalesce(o.units, lines.scalar_subquery(), type_=o.units.type).label("units"),
            back[0].scalar_subquery().label("back"),
            o.total.label("total"),
            sa.func.coalesce(back[1].scalar_subquery(), 0, type_=o.total.type).label("paid_back"),
            sa.case((o.ordered_at > closes, 1), else_=0).label("open"),
        )
        .select_from(rows)
        .where(bought, o.total > 0, asked.within(o.ordered_at), there(asked, orders))
        .subquery()
    )
    c = each.c
    whole = sa.case((c.paid_back >= c.total, c.units), else_=0)
    came_back = sa.case((c.units.is_not(None), sa.func.coalesce(c.back, whole, type_=c.units.type)), else_=0)
    sold, returned, untold, n, amount, paid_back, still_open = asked.connection.execute(
        sa.select(
            total(c.units),
            total(came_back),
            total(one(sa.and_(c.back.is_(None), c.paid_back > 0))),
            sa.func.count(),
            total(c.total),
            total(c.paid_back),
            total(c.open),
        ).select_from(each)
    ).one()
    return {
        "": quotient(Decimal(returned), Decimal(sold), int(sold), note=_untold(int(untold))),
        "value": quotient(Decimal(paid_back), Decimal(amount), n),
        "open": quotient(int(still_open), n, n),
    }


def _untold(orders_refunded: int) -> str:
    """Refunds that tell money and no goods."""
    if not orders_refunded:
        return ""
    return f"{orders_refunded} refunds tell no units: one in full counts as all of its order's, one in part as none."
