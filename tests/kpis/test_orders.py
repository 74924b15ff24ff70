"""What all orders come to, against a plain account of each customer in turn."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from runner.kpis import Period
from runner.kpis.asked import Asked, Segment
from runner.kpis.customers import bought, firsts
from runner.kpis.segment import segment_of
from runner.store.tables import contacts
from tests.kpis.shop import JANUARY, LATER, Shop, on, settings

START, END = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2))
#: As the settings below have them; a period of the same length before this one.
WINDOW, YEAR, PRIOR = (timedelta(days=days) for days in (60, 365, 31))


@pytest.mark.parametrize("condition", [None, 'contact.country == "PL"'])
def test_all_orders_come_to_what_each_customers_own_come_to(shop: Shop, condition: str | None) -> None:
    told, orders = _shop(shop)
    where = segment_of(shop.connection, condition, LATER, settings()) if condition else None
    asked = _asked(shop, where)
    came = bought(asked)
    theirs = [sorted(own) for who, own in orders.items() if told[who] and (not condition or who % 2)]
    s = [_active(own, START) for own in theirs]
    e = [_active(own, END) for own in theirs]
    inside = [[order for order in own if START <= order[0] < END] for own in theirs]
    assert (came.customers, came.starting, came.ending) == (len(theirs), sum(s), sum(e))
    assert came.retained == sum(map(all, zip(s, e, strict=True)))
    assert came.ending == came.retained + came.new + came.reactivated
    assert (came.buyers, came.orders) == (sum(map(bool, inside)), sum(map(len, inside)))
    assert came.net == sum(net for own in inside for _, _, net in own)
    assert came.net_ever == sum(net for own in theirs for _, _, net in own)
    year = [sum(END - YEAR <= at < END for at, _, _ in own) for own in theirs]
    assert (came.year_buyers, came.year_repeaters) == (sum(n > 0 for n in year), sum(n > 1 for n in year))
    prior = [sum((net for at, _, net in own if START - PRIOR <= at < START), Decimal(0)) for own in theirs]
    assert (came.prior_buyers, came.x) == (sum(map(bool, prior)), sum(prior))
    new = [own for own in theirs if own and own[0][0] >= START]
    assert firsts(asked).net == sum(own[0][2] for own in new)
    assert firsts(asked).squares == pytest.approx(sum(float(own[0][2]) ** 2 for own in new))
    assert any(own[0][0] == own[1][0] for own in new if own[1:])


def _active(own: list[tuple[datetime, str, Decimal]], at: datetime) -> bool:
    return any(at - WINDOW <= when < at for when, _, _ in own)


def _asked(shop: Shop, where: Segment | None) -> Asked:
    chosen = settings(kpis={"activity_window": "60 days"})
    return Asked(shop.connection, Period(JANUARY.start, JANUARY.end), LATER, chosen, where)


def _shop(shop: Shop) -> tuple[dict[int, bool], dict[int, list[tuple[datetime, str, Decimal]]]]:
    """Who counts, and the orders of each, merged records' under the one that is left."""
    luck = Random(11)
    people = shop.people(60)
    poles = [who for who in people if who % 2]
    gone = {shop.person(is_test=True), shop.person(deleted_at=on("2025-01-01"))}
    left = {shop.person(merged_into=who): who for who in people[:4]}
    left |= {shop.person(merged_into=merged): who for merged, who in list(left.items())[:1]}
    lost = shop.person(merged_into=min(gone))
    _to_poland(shop, poles)
    orders: dict[int, list[tuple[datetime, str, Decimal]]] = defaultdict(list)
    begin = datetime(2025, 10, 20, tzinfo=UTC)
    days = {
        who: [5 * luck.randrange(24) for _ in range(luck.randrange(4))] for who in [*people[:-2], *gone, *left, lost]
    }
    # Some customers' first two orders are of one instant: the first is that of the lower key.
    for who, own in (days | {who: [90, 90] for who in people[-2:]}).items():
        for at in (begin + timedelta(days=day) for day in own):
            net = Decimal(luck.randrange(1, 99))
            (number,) = shop.orders([who], at.isoformat(), net=str(net))
            if at < END:
                orders[left.get(who, who)].append((at, number, net))
    return {who: who not in gone and who != lost for who in orders}, orders


def _to_poland(shop: Shop, people: list[int]) -> None:
    shop.connection.execute(contacts.update().where(contacts.c.id.in_(people)).values(country="PL"))
