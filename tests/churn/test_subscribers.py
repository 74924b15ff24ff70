"""Who pays a subscription is scored by signs that it may end, whatever they order."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from connectors.records import Invoice, Subscription, Usage
from runner.churn.subscribers import SIGNS, Morning, Weighed, _columns, _learnt, morning, scores
from tests.churn.test_keeping import risks
from tests.core.world import World, utc


def subscribed(world: World, *people: str, ended: date | None = None) -> None:
    world.people(*people)
    world.hear(
        *(
            Subscription(
                subscription_id=f"s-{who}", customer_id=who, product="p", kind="plan", interval="month",
                quantity=Decimal(1), unit_amount=Decimal(10), started_on=date(2025, 1, 1), ended_on=ended,
            )
            for who in people
        )
    )  # fmt: skip


def used(world: World, who: str, last: str, times: int) -> None:
    at = utc(last)
    world.hear(*(Usage(user_id=who, customer_id=who, feature="f", at=at - timedelta(days=n)) for n in range(times)))


def late(world: World, who: str) -> None:
    told = {"issued_on": date(2026, 1, 1), "due_on": date(2026, 1, 15), "amount": Decimal(10)}
    world.hear(Invoice(invoice_id=f"i-{who}", customer_id=who, **told))


def test_two_signs_put_a_subscriber_at_risk_and_one_does_not(each_world: World) -> None:
    subscribed(each_world, "ada", "bob", "cyd")
    used(each_world, "ada", "2026-02-01", 9)
    late(each_world, "ada")
    used(each_world, "bob", "2026-03-30", 9)
    late(each_world, "bob")
    each_world.tick("2026-04-01 09:00")
    assert risks(each_world) == {"ada": 1.0, "bob": 0.0, "cyd": 0.0}


def test_signs_are_those_of_the_morning(world: World) -> None:
    subscribed(world, "ada")
    subscribed(world, "gone", ended=date(2026, 3, 1))
    used(world, "ada", "2026-03-30", 60)
    late(world, "ada")
    world.tick("2026-04-05 09:00")
    settings = world.app.settings
    with world.store.read() as connection:
        early = morning(connection, settings, date(2026, 2, 1), world.now)
        now = morning(connection, settings, date(2026, 4, 20), world.now)
    assert sorted(map(sorted, early.signs.values())) == [[], []]
    assert list(map(sorted, now.signs.values())) == [["falling", "silent", "unpaid"]]


def test_enough_that_have_ended_weigh_the_signs() -> None:
    draw = np.random.default_rng(2)
    signs = {who: frozenset({"silent"} if who % 3 == 0 else ()) for who in range(900)}
    past = Morning(date(2026, 1, 1), signs, dict.fromkeys(signs, 300))
    ended = draw.random(900) < np.array([0.4 if "silent" in own else 0.05 for own in signs.values()])
    lessons = _learnt([(past, ended)])
    assert lessons is not None
    said = scores(past, Weighed(tuple(lessons), ""))
    assert said[0] == pytest.approx(ended[::3].mean(), abs=0.03)
    assert said[1] < 0.1 < said[0]


def test_few_that_have_ended_weigh_nothing() -> None:
    past = Morning(date(2026, 1, 1), {1: frozenset(), 2: frozenset(SIGNS)}, {1: 10, 2: 900})
    assert _columns(past).shape == (2, len(SIGNS) + 1)
    assert _learnt([(past, np.array([False, True]))]) is None
