"""Each contact's summary: what the facts up to now come to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from connectors.records import FxRate, LoyaltyMember, Subscription, Ticket
from runner.store import Store
from runner.store.tables import contacts, purchases, stale_contacts
from runner.sync import advance, refresh
from tests.sync.saying import NOW, contact, deal, hear, order, person, refund, rows, settings, survey


def day(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def test_orders_that_count_are_summed_up(store: Store) -> None:
    statuses = ["fulfilled", "cancelled", "draft", "test", "Paid"]
    told = [order(f"o{n}", "1", "10", day(1, n + 1), status=status) for n, status in enumerate(statuses)]
    hear(store, person("1"), order("first", "1", "5.25", day(1, 1)), order("free", "1", "0", day(2, 1)), *told)
    ann = contact(store, "crm:1")
    assert (ann.orders_count, ann.revenue, ann.last_order_id) == (3, Decimal("25.25"), "crm:o4")
    assert (ann.first_order_at, ann.last_order_at, ann.customer_since) == (day(1, 1), day(1, 5), date(2026, 1, 1))
    assert not rows(store, stale_contacts)


def test_somebody_is_a_customer_from_the_day_their_own_calendar_showed(store: Store) -> None:
    hear(store, person("1", timezone="Asia/Tokyo"), order("o", "1", "5", day(1, 1, 20)))
    assert contact(store, "crm:1").customer_since == date(2026, 1, 2)
    hear(store, person("1", timezone="America/Lima"))
    assert contact(store, "crm:1").customer_since == date(2026, 1, 1)


def test_since_when_somebody_is_a_customer_is_the_sources_word_where_it_has_one(store: Store) -> None:
    hear(store, person("1", customer_since=date(2020, 2, 29)), order("o", "1", "5", day(1, 1)))
    assert contact(store, "crm:1").customer_since == date(2020, 2, 29)
    hear(store, person("1"))
    assert contact(store, "crm:1").customer_since == date(2026, 1, 1)


def test_orders_of_one_instant_rank_by_their_id(store: Store) -> None:
    hear(store, person("1"), order("b", "1", "5", day(1, 1)), order("a", "1", "5", day(1, 1)))
    assert contact(store, "crm:1").last_order_id == "crm:b"


def test_a_refund_lowers_its_order_and_one_without_order_the_latest_before_it(store: Store) -> None:
    hear(
        store,
        person("1"),
        order("a", "1", "100", day(1, 1)),
        order("b", "1", "40", day(1, 2)),
        order("c", "1", "60", day(2, 20)),
        refund("r1", "30", day(1, 3), order_id="a"),
        refund("r2", "50", day(1, 4), contact_id="1"),
    )
    kept = [(row.order_key, row.total, row.net) for row in rows(store, purchases)]
    assert kept == [("crm:a", 100, 60), ("crm:c", 60, 60)]
    assert contact(store, "crm:1").revenue == 120


def test_what_each_order_is_worth_in_the_account_s_currency_adds_up_to_the_revenue(store: Store) -> None:
    rate = FxRate(date=date(2026, 1, 1), currency="USD", rate=Decimal("0.33337"))
    paid = [("dollars", "USD"), ("more", "USD"), ("euros", "EUR"), ("yen", "JPY")]
    hear(store, rate, person("1"), *(order(id, "1", "19.99", day(1, 5), currency=money) for id, money in paid))
    hear(store, refund("r", "9.99", day(1, 6), order_id="euros"))
    worth = {row.order_key: row.value for row in rows(store, purchases)}
    assert worth == {
        **dict.fromkeys(("crm:dollars", "crm:more"), Decimal("6.6641")), "crm:euros": 10, "crm:yen": None,
    }  # fmt: skip
    assert contact(store, "crm:1").revenue == Decimal("23.3282")


def test_a_refund_may_come_before_its_order_and_name_nobody(store: Store) -> None:
    hear(store, person("1"), refund("r", "30", day(1, 3), order_id="a"))
    hear(store, order("a", "1", "100", day(1, 1)))
    assert contact(store, "crm:1").revenue == 70
    hear(store, refund("r2", "70", day(1, 4), order_id="a"))
    ann = contact(store, "crm:1")
    assert (ann.orders_count, ann.revenue, ann.customer_since) == (0, None, None)


def test_an_order_that_moves_to_somebody_else_leaves_the_first_one(store: Store) -> None:
    hear(store, person("1"), person("2"), order("a", "2", "100"))
    hear(store, order("a", "1", "100"))
    assert [row.orders_count for row in rows(store, contacts)] == [1, 0]
    hear(store, order("a", "2", "100"))
    assert [row.orders_count for row in rows(store, contacts)] == [0, 1]


def test_won_deals_are_the_orders_until_a_connector_brings_some(store: Store) -> None:
    won = deal("d", contact_id="1", amount=Decimal(500), closed_at=day(1, 10))
    lost = deal("l", contact_id="1", amount=Decimal(900), closed_at=day(1, 11), is_won=False)
    hear(store, person("1", email="a@example.com"), won, lost)
    assert (contact(store, "crm:1").revenue, contact(store, "crm:1").last_order_id) == (500, "crm:deal:d")
    hear(store, person("s", email="b@example.com"), order("o", "s", "20"), of="shop")
    assert contact(store, "crm:1").orders_count == 0
    hear(store, settings=settings(orders_from=("crm",)))
    assert [row.orders_count for row in rows(store, contacts)] == [1, 0]


def test_revenue_is_in_the_accounts_currency_at_the_last_earlier_rate(store: Store) -> None:
    rates = [FxRate(date=date(2026, 1, d), currency="USD", rate=Decimal(r)) for d, r in ((1, "0.5"), (10, "0.9"))]
    synced = hear(
        store,
        *rates,
        person("1"),
        order("a", "1", "100", day(1, 5), currency="USD"),
        order("b", "1", "7", day(1, 5), currency="PLN"),
        order("c", "1", "1", day(1, 5)),
    )
    assert (contact(store, "crm:1").revenue, contact(store, "crm:1").orders_count) == (51, 3)
    assert synced.without_rate == 1
    hear(store, FxRate(date=date(2026, 1, 4), currency="USD", rate=Decimal("0.6")))
    assert contact(store, "crm:1").revenue == 61


def test_the_latest_score_counts_on_standard_scales_only(store: Store) -> None:
    hear(
        store,
        person("1"),
        survey("a", "1", 9, day(1, 1)),
        survey("b", "1", 3, day(1, 20)),
        survey("c", "1", 80, day(2, 1), scale="0-100"),
        survey("d", "1", None, None),
        survey("e", "1", 4, day(1, 30), kind="csat", scale="1-5"),
    )
    ann = contact(store, "crm:1")
    assert (ann.nps_score, ann.nps_at, ann.csat_score, ann.last_answer_at) == (3, day(1, 20), 4, day(1, 30))


def test_tickets_subscriptions_and_points_are_counted_as_of_now(store: Store) -> None:
    plan = {"customer_id": "1", "product": "p", "kind": "plan", "started_on": date(2026, 1, 1)}
    seats = {"quantity": Decimal(3), "unit_amount": Decimal(40)}
    yearly = {"quantity": Decimal(5), "unit_amount": Decimal(240)}
    hear(
        store,
        person("1"),
        Ticket(ticket_id="t1", contact_id="1", created_at=day(1, 1)),
        Ticket(ticket_id="t2", contact_id="1", created_at=day(1, 1), solved_at=day(1, 2)),
        Subscription(subscription_id="s1", interval="year", **yearly, **plan),
        Subscription(subscription_id="s2", interval="month", discount_pct=Decimal(25), **seats, **plan),
        Subscription(subscription_id="s3", interval="month", trial_end=date(2026, 3, 9), **seats, **plan),
        LoyaltyMember(contact_id="1", joined_at=day(1, 1), points=Decimal(12)),
    )
    ann = contact(store, "crm:1")
    assert (ann.open_tickets, ann.mrr, ann.points) == (1, 190, 12)
    advance(store, None, day(3, 9), settings())
    assert contact(store, "crm:1").mrr == 310


def test_facts_of_later_times_count_when_their_time_has_come(store: Store) -> None:
    hear(store, person("1"), person("2"), order("a", "1", "10", day(1, 1)), order("b", "1", "20", day(4, 1)),
         refund("r", "5", day(4, 5), contact_id="1"), survey("s", "2", 9, day(4, 3)))  # fmt: skip
    assert contact(store, "crm:1").revenue == 10
    seen = []
    for at in (day(3, 31), day(4, 1), day(4, 4), day(4, 5), day(4, 6)):
        advance(store, None, at, settings())
        seen.append((contact(store, "crm:1").revenue, contact(store, "crm:2").nps_score))
    assert seen == [(10, None), (30, None), (30, 9), (25, 9), (25, 9)]
    advance(store, None, day(1, 15), settings())
    assert (contact(store, "crm:1").revenue, contact(store, "crm:2").nps_score) == (10, None)


def test_letting_time_pass_touches_only_those_of_whom_a_fact_falls_due(store: Store) -> None:
    people = [person(str(n)) for n in range(50)]
    hear(store, *people, *(order(f"o{n}", str(n), "10", day(4, 1 + n % 25)) for n in range(50)))
    assert advance(store, NOW, day(4, 1), settings()).contacts == 2
    assert advance(store, day(4, 1), day(4, 1, 5), settings()).contacts == 0


def test_making_all_summaries_anew_changes_nothing(store: Store) -> None:
    hear(store, person("1"), person("2"), order("a", "1", "10", day(1, 1)), refund("r", "5", contact_id="1"))
    assert refresh(store, [row.id for row in rows(store, contacts)], settings(), NOW + timedelta(days=1)).changed == 0
