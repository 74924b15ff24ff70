"""The worked examples of the KPI catalogue, each KPI's own, and what each of them must not be taken for."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from scipy.stats import CensoredData, ecdf

from runner.kpis import KPIS, Kpi, Period, Reason
from runner.kpis.survival import kaplan_meier
from runner.store.tables import points
from tests.kpis.shop import JANUARY, Shop, on

#: Half a cent, half a thousandth: the examples are printed so.
NEAR = 0.0005


def values(told: dict[str, Kpi], *keys: str) -> dict[str, float | None]:
    return {key: told[key].value for key in keys}


def near(expected: dict[str, Any]) -> Any:
    return pytest.approx(expected, abs=NEAR)


def test_all_52_of_the_catalogue_are_there_once() -> None:
    assert sorted(kpi.entry for kpi in KPIS if kpi.entry is not None) == list(range(1, 53))


def test_repeat_and_loyal_customers(shop: Shop) -> None:
    """10 customers with 1,1,2,1,3,1,1,6,1,1 orders: 18 by 10, three of them twice or more, two thrice or more."""
    for buyer, many in zip(shop.people(10), (1, 1, 2, 1, 3, 1, 1, 6, 1, 1), strict=True):
        for day in range(many):
            shop.orders([buyer], f"2026-01-{10 + day}")
    told = shop.figures(keys=["repeat_purchase_rate", "loyal_customer_rate", "purchase_frequency"])
    assert values(told, "repeat_purchase_rate", "loyal_customer_rate", "purchase_frequency") == near(
        {"repeat_purchase_rate": 0.3, "loyal_customer_rate": 0.2, "purchase_frequency": 1.8}
    )


def test_two_orders_of_which_one_lies_before_the_window_are_no_repeat_purchase(shop: Shop) -> None:
    buyer = shop.people(1)
    shop.orders(buyer, "2024-01-10")
    shop.orders(buyer, "2026-01-10")
    told = shop.figures(keys=["repeat_purchase_rate", "returning_customer_rate"])
    assert values(told, "repeat_purchase_rate", "returning_customer_rate") == {
        "repeat_purchase_rate": 0,
        "returning_customer_rate": 1,
    }


def test_returning_customers_and_their_share_of_orders(shop: Shop) -> None:
    """Of a (5th order), b (1st), c (1st and 2nd) two are no newcomers; first orders 120 and 260, repeats 45 and 75."""
    a, b, c = shop.people(3)
    for month in (3, 5, 7, 9):
        shop.orders([a], f"2025-{month:02}-01")
    shop.orders([a], "2026-01-05", net="45")
    shop.orders([b], "2026-01-06", net="120")
    shop.orders([c], "2026-01-07", net="260")
    shop.orders([c], "2026-01-09", net="75")
    told = shop.figures(keys=["returning_customer_rate", "returning_order_share", "arov", "aov"])
    keys = ("returning_customer_rate", "returning_order_share", "returning_order_share.revenue", "arov", "aov")
    assert values(told, *keys) == near(dict(zip(keys, (2 / 3, 0.5, 0.24, 60, 125), strict=True)))


def test_a_refund_lowers_the_order_it_belongs_to(shop: Shop) -> None:
    """90.00 and 70.00 of which 20.00 were paid back: 140.00 by two orders; a KPI of revenue carries an interval."""
    buyers = shop.people(2)
    shop.orders(buyers[:1], "2026-01-05", net="90")
    shop.orders(buyers[1:], "2026-01-06", net="50")
    told = shop.figures(keys=["aov", "arpu"])
    assert values(told, "aov", "arpu") == {"aov": 70, "arpu": 70}
    assert told["aov"].low is not None
    assert told["aov"].currency == "EUR"


def test_an_amount_without_a_rate_is_no_amount_and_names_its_currency(shop: Shop) -> None:
    buyers = shop.people(2)
    shop.orders(buyers[:1], "2026-01-05")
    shop.orders(buyers[1:], "2026-01-06", value=None, currency="PLN")
    aov = shop.figures(keys=["aov"])["aov"]
    assert (aov.value, aov.reason, aov.note) == (None, Reason.MISSING_RATE, "No exchange rate for PLN.")


def test_time_between_purchases_counts_days_with_an_order(shop: Shop) -> None:
    """Days 1, 11 (twice), 41 and 5, 25: gaps of 10, 30 and 20 days."""
    one, other = shop.people(2)
    for day in ("2025-11-22", "2025-12-02", "2025-12-02T18:00+00:00", "2026-01-01"):
        shop.orders([one], day)
    for day in ("2025-12-10", "2025-12-30"):
        shop.orders([other], day)
    told = shop.figures(Period(date(2025, 12, 1), date(2026, 2, 1)), keys=["time_between_purchases"])
    keys = ("time_between_purchases", "time_between_purchases.mean")
    assert (values(told, *keys), told[keys[0]].n) == (dict.fromkeys(keys, 20), 3)


def test_a_gap_is_of_local_days(shop: Shop) -> None:
    """In Warsaw the clocks moved on 29 March 2026: 23:30 on the 28th to 00:30 on the 30th are two days and 24 hours."""
    buyer = shop.people(1)
    shop.orders(buyer, "2026-03-28T22:30:00+00:00")
    shop.orders(buyer, "2026-03-29T22:30:00+00:00")
    told = shop.figures(
        Period(date(2026, 3, 1), date(2026, 5, 1)), timezone="Europe/Warsaw", keys=["time_between_purchases"]
    )
    assert told["time_between_purchases"].value == 2


def test_lapsed_customers_won_back(shop: Shop) -> None:
    lapsed = shop.people(50)
    shop.orders(lapsed, "2024-06-01")
    shop.orders(lapsed[:6], "2026-01-10")
    told = shop.figures(keys=["winback_rate"])["winback_rate"]
    assert (told.value, told.n) == (0.12, 50)


def test_existing_customers_revenue_upsell_and_cross_sell(shop: Shop) -> None:
    """Prior a80 b120 c100; now a100 b95, c nothing and a new one 500: (195 − 300) / 300."""
    a, b, c, new = shop.people(4)
    for buyer, net in ((a, "80"), (b, "120"), (c, "100")):
        order = shop.orders([buyer], "2025-12-15", net=net)[0]
        shop.facts("order_lines", {"order_id": order, "sku": "x", "category": "tea", "units": 1, "unit_price": 1})
    for buyer, net, category in ((a, "100", "cups"), (b, "95", "tea"), (new, "500", "cups")):
        order = shop.orders([buyer], "2026-01-15", net=net)[0]
        shop.facts("order_lines", {"order_id": order, "sku": "y", "category": category, "units": 1, "unit_price": 1})
    told = shop.figures(keys=["existing_customer_revenue_growth", "upsell_rate", "cross_sell_rate"])
    expected = {"existing_customer_revenue_growth": -0.35, "upsell_rate": 1 / 3, "upsell_rate.growth": 20 / 300,
                "cross_sell_rate": 0.5}  # fmt: skip
    assert values(told, *expected) == near(expected)


def test_a_lifespan_counts_those_who_are_still_there(shop: Shop) -> None:
    """Tenures in months 1, 4 and 6 ended, 4, 9 and 9 not: half are gone after 6; of those gone the mean is 3.7."""
    ended = {1: "2025-11-01", 4: "2025-08-01", 6: "2025-06-01"}
    started = ("2025-09-01", "2025-04-01", "2025-04-01")
    plan = {"product": "p", "kind": "plan", "interval": "month", "quantity": 1, "unit_amount": 10}
    people = iter(shop.people(6))
    for months, start in ended.items():
        month = int(start[5:7]) + months
        shop.facts("subscriptions", plan | {"started_on": start, "ended_on": f"2025-{month:02}-01"}, of=next(people))
    for start in started:
        shop.facts("subscriptions", plan | {"started_on": start}, of=next(people))
    told = shop.figures(Period(date(2025, 12, 1), date(2026, 1, 1)), keys=["customer_lifespan"])["customer_lifespan"]
    assert (told.value, told.n) == (183, 6)


def test_the_worked_lifespan() -> None:
    """Tenures 1✝, 4✝, 4, 6✝, 9, 9: S = 5/6, 2/3, 4/9; the mean of those who ended, 3.7, would be far too low."""
    told = kaplan_meier([(1, True, 1), (4, True, 1), (4, False, 1), (6, True, 1), (9, False, 2)])
    assert (told.n, told.median, told.longest) == (6, 6, 9)
    assert told.restricted_mean == pytest.approx(1 + 3 * 5 / 6 + 2 * 2 / 3 + 3 * 4 / 9)
    assert told.current_mean == pytest.approx(22 / 3)


def test_a_churn_of_four_percent_a_month_is_a_life_of_25_months(shop: Shop) -> None:
    """In days: 25 × 31, since January has so many."""
    shop.facts("subscriptions", *(PLAN | {"of": who, "unit_amount": 10} for who in shop.people(96)))
    leavers = shop.people(4)
    shop.facts("subscriptions", *(PLAN | {"of": who, "unit_amount": 10, "ended_on": "2026-01-15"} for who in leavers))
    told = shop.figures(keys=["customer_lifespan"])["customer_lifespan.by_churn"]
    assert (told.value, told.n) == (25 * 31, 100)


def test_a_lifespan_not_reached_is_said_to_be_longer(shop: Shop) -> None:
    shop.orders(shop.people(3), "2025-12-01")
    told = shop.figures(keys=["customer_lifespan"])["customer_lifespan"]
    assert (told.value, told.reason, told.note) == (
        None,
        Reason.NOT_REACHED,
        "More than 62 days: fewer than half have left.",
    )


PLAN = {"product": "pro", "kind": "plan", "interval": "month", "quantity": 1, "started_on": "2025-01-01"}


def test_monthly_recurring_revenue(shop: Shop) -> None:
    """5 seats at 240 a year: 100; 3 at 40 a month less 25 %: 90; a trial of 60: nothing."""
    one, two, three = shop.people(3)
    shop.facts("subscriptions", PLAN | {"interval": "year", "quantity": 5, "unit_amount": 240}, of=one)
    shop.facts("subscriptions", PLAN | {"quantity": 3, "unit_amount": 40, "discount_pct": 25}, of=two)
    shop.facts("subscriptions", PLAN | {"unit_amount": 60, "trial_end": "2026-03-01"}, of=three)
    assert values(shop.figures(keys=["mrr", "arr", "arpu"]), "mrr", "arr", "arpu") == {
        "mrr": 190,
        "arr": 2280,
        "arpu": 95,
    }


def test_movements_of_recurring_revenue_add_up_and_give_the_rates(shop: Shop) -> None:
    """Start a200 b60 c90 d50; end a260 b60 c40 e70 (new) f30 (former): 400 + 70 + 30 + 60 − 50 − 50 = 460."""
    a, b, c, d, e, f = shop.people(6)
    change = {"ended_on": "2026-01-15"}, {"started_on": "2026-01-15"}
    for who, before, after in ((a, 200, 260), (c, 90, 40)):
        shop.facts("subscriptions", PLAN | change[0] | {"unit_amount": before}, of=who)
        shop.facts("subscriptions", PLAN | change[1] | {"unit_amount": after}, of=who)
    shop.facts("subscriptions", PLAN | {"unit_amount": 60}, of=b)
    shop.facts("subscriptions", PLAN | {"unit_amount": 50, "ended_on": "2026-02-01"}, of=d)
    shop.facts("subscriptions", PLAN | {"unit_amount": 70, "started_on": "2026-01-20"}, of=e)
    shop.facts("subscriptions", PLAN | {"unit_amount": 30, "ended_on": "2025-06-01"}, of=f)
    shop.facts("subscriptions", PLAN | {"unit_amount": 30, "started_on": "2026-01-10"}, of=f)
    told = shop.figures(
        keys=["nrr", "grr", "revenue_churn_rate", "quick_ratio", "upsell_rate", "crr", "churn_rate", "mrr_movements"]
    )
    moved = {"": 60, ".start": 400, ".new": 70, ".reactivation": 30, ".expansion": 60, ".contraction": 50,
             ".churned": 50, ".end": 460}  # fmt: skip
    assert values(told, *(f"mrr_movements{part}" for part in moved)) == {
        f"mrr_movements{part}": amount for part, amount in moved.items()
    }
    rates = {"nrr": 0.9, "grr": 0.75, "revenue_churn_rate": 0.25, "revenue_churn_rate.net": 0.1, "quick_ratio": 1.6,
             "revenue_churn_rate.amount": 100, "upsell_rate": 0.25, "upsell_rate.growth": 0.15, "crr": 0.75,
             "crr.new": 1, "crr.reactivated": 1, "churn_rate.lost": 1}  # fmt: skip
    assert values(told, *rates) == near(rates)


def test_a_lifetime_value_is_one_of_margin_where_the_margin_is_known(shop: Shop) -> None:
    """Three orders of 55 in the year: 165; two years observed of nobody who left; half of it is margin."""
    buyer = shop.people(1)
    for day in ("2024-01-31", "2025-03-01", "2025-09-01", "2026-01-20"):
        shop.orders(buyer, day, net="55")
    told = shop.figures(kpis={"margin": "50%"}, keys=["clv"])
    assert told["clv"].value == pytest.approx(165 * 0.5 * 732 / 365, rel=0.002)
    assert told["clv.historic"].value == 110
    assert "no margin is set" in shop.figures(keys=["clv"])["clv"].note


def test_renewals_within_grace_count_and_those_pending_are_not_lost(shop: Shop) -> None:
    """40 due: 28 on time, 4 in grace, 3 later, 5 never; two more that may still be renewed are pending."""
    person, rows = shop.person(), []
    for many, renewed in ((28, "2026-01-05"), (4, "2026-01-20"), (3, "2026-03-20"), (5, None)):
        rows += [{"ends_on": "2026-01-10", "renewed_on": renewed}] * many
    shop.facts("contracts", *rows, *[{"ends_on": "2026-01-30", "renewed_on": None}] * 2, of=person)
    told = shop.figures(as_of=on("2026-02-15"), keys=["renewal_rate"])
    late = shop.figures(as_of=on("2026-04-01"), keys=["renewal_rate"])
    assert values(told, "renewal_rate", "renewal_rate.pending") == {"renewal_rate": 0.8, "renewal_rate.pending": 2}
    assert (late["renewal_rate"].n, late["renewal_rate.pending"].value) == (42, 0)


def test_renewals_by_value_weigh_what_each_customer_paid(shop: Shop) -> None:
    """Of 100 + 300 + 600 a month the first two renew: 0.40 by value and 2/3 by count. 50 more are pending."""
    renewed = {100: "2026-01-10", 300: "2026-01-05", 600: None}
    for paid, at in renewed.items():
        who = shop.person()
        shop.facts("contracts", {"ends_on": "2026-01-10", "renewed_on": at}, of=who)
        ended = None if at else "2026-01-10"
        shop.facts("subscriptions", PLAN | {"of": who, "unit_amount": paid, "ended_on": ended})
        shop.facts("subscriptions", PLAN | {"of": who, "unit_amount": 70, "started_on": "2026-01-10"})
    waits = shop.person()
    shop.facts("contracts", {"ends_on": "2026-01-30", "renewed_on": None}, of=waits)
    shop.facts("subscriptions", PLAN | {"of": waits, "unit_amount": 50})
    told = shop.figures(as_of=on("2026-02-15"), keys=["renewal_rate"])
    expected = {"renewal_rate": 2 / 3, "renewal_rate.by_value": 0.4, "renewal_rate.pending": 1}
    assert values(told, *expected) == near(expected)
    assert told["renewal_rate.by_value"].n == 3


def test_reasons_for_leaving_are_shares_of_those_who_said_one(shop: Shop) -> None:
    people = shop.people(40)
    for reason, some in (("Price", people[:12]), ("Moved away", people[12:32]), ("", people[32:])):
        shop.facts("exits", *({"of": who, "left_on": "2026-01-09", "reason": reason} for who in some))
    told = shop.figures(keys=["exit_reasons"])
    expected = {"exit_reasons": 0.8, "exit_reasons.none": 8, "exit_reasons.price": 0.375}
    assert values(told, *expected) == expected
    assert told["exit_reasons.moved_away"].name == "Left because of moved away"


def test_a_reason_given_on_our_own_page_counts_as_well(shop: Shop) -> None:
    one, other = shop.people(2)
    asked = {"action": "survey", "about": "exit"}
    shop.answer(one, None, kind="exit", reason="price", send=shop.mail(one, **asked))
    shop.mail(other, **asked)
    told = shop.figures(keys=["exit_reasons"])
    expected = {"exit_reasons": 0.5, "exit_reasons.none": 1, "exit_reasons.price": 1}
    assert values(told, *expected) == expected


def test_receivables_and_returns(shop: Shop) -> None:
    """30,000 of 200,000 open after 91 days: 13.65 days. 22 of 400 units came back."""
    person, quarter = shop.person(), Period(date(2026, 1, 1), date(2026, 4, 2))
    bill = {"due_on": "2026-03-01", "issued_on": "2026-02-01"}
    shop.facts("invoices", bill | {"amount": 170000, "paid_on": "2026-03-01"}, of=person)
    shop.facts("invoices", bill | {"amount": 30000, "due_on": "2026-02-15"}, of=person)
    sold = {"ordered_at": "2026-01-10", "total": 100, "units": 200}
    shop.facts("orders", sold | {"order_id": "1"}, sold | {"order_id": "2"}, of=person)
    back = {"order_id": "1", "refunded_at": "2026-01-20", "amount": 11}
    shop.facts("refunds", back | {"units": 20}, back | {"units": 2}, of=person)
    told = shop.figures(quarter, keys=["dso", "product_return_rate"])
    expected = {"dso": 13.65, "dso.open": 30000, "dso.due_31_60": 30000, "product_return_rate": 0.055,
                "product_return_rate.value": 0.11, "product_return_rate.open": 0}  # fmt: skip
    assert values(told, *expected) == near(expected)


def test_programmes(shop: Shop) -> None:
    """45 of 150 active customers are members; 9 of 30 referred bought; 18 of 200 requests led to a review."""
    people = shop.people(150)
    shop.orders(people, "2025-12-01")
    shop.facts("loyalty", *({"of": who, "joined_at": "2025-06-01"} for who in [*people[:45], shop.person()]))
    shop.facts("loyalty", {"of": people[50], "joined_at": "2025-06-01", "left_at": "2025-09-01"})
    came = ["2026-01-20"] * 9 + [None] * 21
    shop.facts(
        "referrals",
        *({"of": people[n % 10], "referred_email": f"{n}@b.eu", "invited_at": "2026-01-05", "converted_at": at}
          for n, at in enumerate(came)),
    )  # fmt: skip
    asked = {"sent_at": "2026-01-06", "site": "Google"}
    shop.facts("review_requests", *[asked | {"reviewed_at": "2026-01-09", "rating": 4}] * 18, of=people[0])
    shop.facts("review_requests", *[asked] * 182, of=people[0])
    told = shop.figures(keys=["loyalty_participation_rate", "referral_rate", "review_request_conversion"])
    expected = {"loyalty_participation_rate": 0.3, "referral_rate": 10 / 150, "referral_rate.conversion": 0.3,
                "review_request_conversion": 0.09, "review_request_conversion.rating": 4}  # fmt: skip
    assert values(told, *expected) == near(expected)


def test_whoever_refers_themselves_refers_nobody(shop: Shop) -> None:
    person = shop.person(address="me@b.eu")
    shop.facts("referrals", {"of": person, "referred_email": "Me@b.eu ", "invited_at": "2026-01-05"})
    assert shop.figures(keys=["referral_rate"])["referral_rate.conversion"].n == 0


def test_the_site(shop: Shop) -> None:
    """120 of 300 visitors came again; 24 of 800 sessions bought; 12 of 80 wishes; 58 of 200 carts were paid for."""
    person, visit = shop.person(), {"purchased": False}
    shop.facts("sessions", *(visit | {"visitor_id": f"v{n}", "started_at": "2025-12-01"} for n in range(20)))
    later = [f"v{n % 120}" for n in range(20, 620)] + [f"w{n}" for n in range(180)] + [f"v{n}" for n in range(20)]
    shop.facts(
        "sessions",
        *({"visitor_id": who, "started_at": "2026-01-09", "purchased": n < 24} for n, who in enumerate(later)),
    )
    wish = {"added_at": "2026-01-02"}
    bought = ["2026-01-30"] * 12 + ["2026-02-20"] * 8 + [None] * 60
    shop.facts(
        "wishlist_items", *(wish | {"sku": str(n), "purchased_at": at} for n, at in enumerate(bought)), of=person
    )
    paid = ["2026-01-10T13:00+00:00"] * 58 + ["2026-01-12"] * 2 + [None] * 140
    shop.facts("carts", *({"created_at": "2026-01-10", "checked_out_at": at} for at in paid), of=person)
    shop.facts("footfall", *({"date": f"2026-01-0{day}", "store_id": "s", "visitors": 1000, "transactions": 190}
                             for day in range(1, 5)))  # fmt: skip
    told = shop.figures(
        keys=[
            "site_returning_visitor_rate",
            "site_conversion_rate",
            "wishlist_conversion_rate",
            "cart_abandonment_rate",
            "foot_traffic",
        ]
    )
    expected = {"site_returning_visitor_rate": 0.4, "site_conversion_rate": 0.03, "wishlist_conversion_rate": 0.15,
                "cart_abandonment_rate": 0.71, "foot_traffic": 4000, "foot_traffic.conversion": 0.19,
                "foot_traffic.coverage": 4 / 31}  # fmt: skip
    assert values(told, *expected) == near(expected)


def test_product_use(shop: Shop) -> None:
    """80 seats bought, 72 assigned, 52 in use; on the three days 12, 18 and 6 users of 30 in the month."""
    person = shop.person()
    shop.facts("licences", {"of": person, "purchased": 80, "assigned": 72})
    days = [("2026-02-02", range(12)), ("2026-02-03", range(12, 30)), ("2026-02-04", range(6))]
    shop.facts(
        "usage",
        *({"user_id": str(user), "feature": "export" if user < 13 else "search", "at": day}
          for day, users in days for user in users),
        of=person,
    )  # fmt: skip
    told = shop.figures(
        Period(date(2026, 2, 1), date(2026, 3, 1)), keys=["licence_utilisation", "active_users", "feature_usage_rate"]
    )
    expected = {"licence_utilisation": 0.9, "licence_utilisation.active": 30 / 80, "active_users": 30,
                "active_users.mau": 30, "active_users.dau": 36 / 28, "active_users.stickiness": 36 / 28 / 30,
                "feature_usage_rate.export": 13 / 30, "feature_usage_rate.search": 17 / 30}  # fmt: skip
    assert values(told, *expected) == near(expected)


def test_seats_and_features_in_use(shop: Shop) -> None:
    """Of 80 seats 52 in use: 0.65. Of 200 users 130 used a feature: 0.65."""
    person = shop.person()
    shop.facts("licences", {"of": person, "purchased": 80, "assigned": 72})
    used = [*((str(user), "export") for user in range(130)), *((str(user), "search") for user in range(130, 200))]
    shop.facts("usage", *({"user_id": user, "feature": of, "at": "2026-01-03"} for user, of in used[::-1]), of=person)
    lately = Period(date(2026, 2, 1), date(2026, 3, 1))
    shop.facts("usage", *({"user_id": str(n), "feature": "export", "at": "2026-02-20"} for n in range(52)), of=person)
    assert shop.figures(keys=["feature_usage_rate"])["feature_usage_rate.export"].value == 0.65
    told = shop.figures(lately, keys=["licence_utilisation"])
    assert values(told, "licence_utilisation", "licence_utilisation.active") == {
        "licence_utilisation": 0.9,
        "licence_utilisation.active": 0.65,
    }


def test_stickiness_over_four_weeks(shop: Shop) -> None:
    """12, 18 and 6 users on three days, 30 of them different: a mean of 12, and 12 of 30 are 0.40. Two came before."""
    person = shop.person()
    days = [("2026-02-02", range(12)), ("2026-02-03", range(12, 30)), ("2026-02-04", range(6))]
    days += [("2026-01-07", range(28, 30)), ("2026-01-06", range(90, 99))]
    rows = ({"user_id": str(user), "feature": "x", "at": day} for day, users in days for user in users)
    shop.facts("usage", *rows, of=person)
    told = shop.figures(Period(date(2026, 2, 2), date(2026, 2, 5)), keys=["active_users"])
    expected = {"active_users.dau": 12, "active_users.last_28_days": 30, "active_users.stickiness_28": 0.4}
    assert values(told, *expected) == near(expected)


def test_addons_adopted_and_cancelled(shop: Shop) -> None:
    people = shop.people(80)
    shop.facts("subscriptions", *(PLAN | {"of": who, "unit_amount": 10} for who in people))
    addon = PLAN | {"kind": "addon", "product": "chat", "unit_amount": 1}
    gone = ["2026-01-10"] * 5 + [None] * 35
    shop.facts(
        "subscriptions", *(addon | {"of": who, "ended_on": at} for who, at in zip(people[:40], gone, strict=True))
    )
    told = shop.figures(keys=["addon_adoption_cancellation"])
    expected = {"addon_adoption_cancellation": 35 / 80, "addon_adoption_cancellation.cancellation": 0.125}
    assert values(told, *expected) == near(expected)


def test_service_times(shop: Shop) -> None:
    """First replies after 4, 10, 20, 50 and 400 minutes; solved after 60, 120 and 900; messages after 10, 30, 50."""
    person, begin = shop.person(), on("2026-01-07T09:00:00+00:00")

    def after(minutes: int | None) -> Any:
        return None if minutes is None else begin + timedelta(minutes=minutes)

    replied = (4, 10, 20, 50, 400, None)
    solved = (60, 120, 900, None, None, None)
    shop.facts("tickets", *({"created_at": begin, "first_reply_at": after(reply), "solved_at": after(solution)}
                            for reply, solution in zip(replied, solved, strict=True)), of=person)  # fmt: skip
    for thread, minutes in enumerate((10, 30, 50)):
        at = (("in", 0), ("in", 5), ("out", minutes), ("out", minutes + 1))
        shop.facts("messages", *({"thread_id": str(thread), "direction": way, "at": after(m)} for way, m in at),
                   of=person)  # fmt: skip
    shop.facts("messages", {"thread_id": "9", "direction": "in", "at": begin}, of=person)
    told = shop.figures(
        as_of=on("2026-01-20T09:00:00+00:00"), keys=["first_response_time", "resolution_time", "client_response_time"]
    )
    expected = {"first_response_time": 20, "first_response_time.median": 20, "first_response_time.mean": 96.8,
                "first_response_time.p90": 260, "first_response_time.open": 1, "first_response_time.oldest": 13 * 1440,
                "resolution_time": 120, "resolution_time.mean": 360, "resolution_time.business_median": 120,
                "resolution_time.business_p90": 408, "client_response_time": 30, "client_response_time.open": 1,
                }  # fmt: skip
    assert values(told, *expected) == near(expected)


def test_agency_work(shop: Shop) -> None:
    """48 of 120 reports were opened within 14 days; 9 of 25 projects were done in time and in budget."""
    people = shop.people(12)
    opened = ["2026-01-12"] * 48 + ["2026-01-30"] * 2 + [None] * 70
    shop.facts(
        "reports",
        *({"of": people[n % 12], "sent_on": "2026-01-05", "first_opened_on": at} for n, at in enumerate(opened)),
    )
    done = {"due_on": "2026-01-20", "status": "done", "completed_on": "2026-01-19", "budget": 100, "actual_cost": 90}
    late, dear = {"completed_on": "2026-01-25"}, {"actual_cost": 120}
    projects = [done] * 9 + [done | late] * 6 + [done | dear] * 5 + [done | {"completed_on": None}] * 5
    shop.facts("projects", *projects, done | {"status": "cancelled"}, of=people[0])
    told = shop.figures(keys=["report_open_rate", "project_completion_rate"])
    expected = {"report_open_rate": 0.4, "report_open_rate.clients": 1, "project_completion_rate": 0.36,
                "project_completion_rate.on_time": 14 / 25, "project_completion_rate.in_budget": 15 / 25}  # fmt: skip
    assert values(told, *expected) == near(expected)


def test_customers_at_high_risk_and_the_revenue_that_hangs_on_them(shop: Shop) -> None:
    risky, safe = shop.person(churn_risk=0.8), shop.person(churn_risk=0.2)
    shop.orders([risky], "2025-06-01", net="365")
    shop.orders([safe], "2025-07-01", net="730")
    told = shop.figures(keys=["churn_risk"])
    expected = {"churn_risk": 0.5, "churn_risk.mean": 0.5, "churn_risk.revenue": 0.8 * 90 + 0.2 * 180}
    assert values(told, *expected) == near(expected)


def test_the_risk_of_the_past_is_the_one_that_was_told_then(shop: Shop) -> None:
    """Ada rose from 0.2 to 0.9 on 10 February; Bob was scored for the first time on that day, Eve came later."""
    ada, bob = shop.person(churn_risk=0.9), shop.person(churn_risk=0.9)
    eve = shop.person(churn_risk=0.9, seen_at=on("2026-02-20"))
    shop.orders([ada, bob, eve], "2025-12-01")
    shop.scored(ada, None, 0.2, "2026-01-20")
    shop.scored(ada, 0.2, 0.9, "2026-02-10")
    shop.scored(bob, None, 0.9, "2026-02-10")
    february = Period(date(2026, 2, 1), date(2026, 3, 1))
    told = {name: shop.figures(period, keys=["churn_risk"])["churn_risk"] for name, period in
            {"january": JANUARY, "february": february}.items()}  # fmt: skip
    assert {name: (one.value, one.n) for name, one in told.items()} == {"january": (0, 1), "february": (1, 3)}
    early = shop.figures(Period(date(2025, 12, 1), date(2026, 1, 1)), keys=["churn_risk"])["churn_risk"]
    assert early.value is None
    assert early.note == "Scores are kept since 2026-01-20; nobody knows what they were before."


def test_the_effect_is_what_the_treated_did_more_than_those_held_out(shop: Shop) -> None:
    """230 of 1,000 treated ordered and 180 of 1,000 held out: 5 points, 1.46 to 8.53; 50 customers."""
    people = shop.people(2000)
    shop.enrolled(people[:1000], "treated", "2026-01-05")
    shop.enrolled(people[1000:], "holdout", "2026-01-05")
    shop.orders([*people[:230], *people[1000:1180]], "2026-02-01")
    told = shop.figures(keys=["incremental_effect"])
    effect = told["incremental_effect"]
    assert (effect.value, effect.low, effect.high) == pytest.approx((0.05, 0.0146, 0.0853), abs=0.00005)
    assert told["incremental_effect.customers"].value == pytest.approx(50)
    assert shop.figures(keys=["incremental_effect"], as_of=on("2026-02-20"))["incremental_effect"].value is None


def test_customers_may_be_companies_whose_subscriptions_count(shop: Shop) -> None:
    shop.facts("subscriptions", PLAN | {"unit_amount": Decimal("12.5"), "company_source": shop.company_source()})
    assert shop.figures(JANUARY, customers="company", keys=["mrr"])["mrr"].value == 12.5


def test_revenue_for_each_who_bought_and_for_each_who_is_active(shop: Shop) -> None:
    """1,500.00 by 40 customers: 37.50. 20 more are active, at both ends 50 on average: 30.00 for each of these."""
    buyers, others = shop.people(40), shop.people(20)
    shop.orders(others + buyers[:20], "2025-06-01")
    shop.orders(buyers, "2026-01-05", net="37.5")
    assert values(shop.figures(keys=["arpu"]), "arpu", "arpu.per_active") == {"arpu": 37.5, "arpu.per_active": 30}


def test_half_of_the_orders_and_more_came_from_returning_customers(shop: Shop) -> None:
    """10 orders, 4 of them first orders: 0.6."""
    new, known = shop.people(4), shop.people(6)
    shop.orders(known, "2025-06-01")
    shop.orders(new + known, "2026-01-05")
    assert shop.figures(keys=["returning_order_share"])["returning_order_share"].value == 0.6


def test_fourteen_of_forty_bought_of_a_category_new_to_them(shop: Shop) -> None:
    people = shop.people(40)
    for day, some, category in (
        ("2025-06-01", people, "tea"),
        ("2026-01-05", people[:14], "cups"),
        ("2026-01-05", people[14:], "tea"),
    ):
        bought = shop.orders(some, day)
        line = {"sku": "x", "category": category, "units": 1, "unit_price": 1}
        shop.facts("order_lines", *({"order_id": order} | line for order in bought))
    told = shop.figures(keys=["cross_sell_rate"])["cross_sell_rate"]
    assert (told.value, told.n) == (0.35, 40)


def test_eighteen_of_ninety_pay_more_and_gains_are_four_times_the_losses(shop: Shop) -> None:
    """18 of 90 pay 60 more in all. New 300, expansion 60, reactivation 40; contraction 50, churned 50: 4.0."""
    ninety = shop.people(90)
    before, after = {"ended_on": "2026-01-15"}, {"started_on": "2026-01-15"}
    moved = [("10", "13.33")] * 17 + [("10", "13.39")] + [("60", "10")] + [("50", None)] + [("20", "20")] * 70
    for who, (was, now) in zip(ninety, moved, strict=True):
        if was == now:
            shop.facts("subscriptions", PLAN | {"unit_amount": Decimal(was)}, of=who)
            continue
        shop.facts("subscriptions", PLAN | before | {"unit_amount": Decimal(was)}, of=who)
        if now is not None:
            shop.facts("subscriptions", PLAN | after | {"unit_amount": Decimal(now)}, of=who)
    new, back = shop.people(2)
    shop.facts("subscriptions", PLAN | after | {"unit_amount": 300}, of=new)
    shop.facts("subscriptions", PLAN | {"unit_amount": 40, "ended_on": "2025-06-01"}, of=back)
    shop.facts("subscriptions", PLAN | after | {"unit_amount": 40}, of=back)
    told = shop.figures(keys=["upsell_rate", "quick_ratio"])
    assert values(told, "upsell_rate", "quick_ratio") == near({"upsell_rate": 0.2, "quick_ratio": 4.0})


def test_a_shop_loses_revenue_with_the_customers_of_the_period_before(shop: Shop) -> None:
    """800 before and 900 now, 180 of it new: 80 are lost, 10 %. (800 − 900 − 180) ÷ 800 would say −35 %."""
    less, same, new = shop.people(3)
    for who, then, now in ((less, "500", "420"), (same, "300", "300"), (new, None, "180")):
        if then:
            shop.orders([who], "2025-12-10", net=then)
        shop.orders([who], "2026-01-10", net=now)
    told = shop.figures(keys=["revenue_churn_rate"])
    expected = {"revenue_churn_rate": 0.1, "revenue_churn_rate.net": 0.1, "revenue_churn_rate.amount": 80}
    assert values(told, *expected) == near(expected)


def test_a_churn_of_seven_percent_a_month_is_58_percent_a_year(shop: Shop) -> None:
    """By compounding: 1 − 0.93 ^ 12. And what a year loses is as much a month."""
    people = shop.people(100)
    shop.facts("subscriptions", *(PLAN | {"of": who, "unit_amount": 10} for who in people[:93]))
    gone = PLAN | {"unit_amount": 10, "ended_on": "2026-01-15"}
    shop.facts("subscriptions", *(gone | {"of": who} for who in people[93:]))
    month = shop.figures(keys=["churn_rate"])
    year = shop.figures(Period(date(2025, 2, 1), date(2026, 2, 1)), keys=["churn_rate"])
    expected = {"churn_rate": 0.07, "churn_rate.monthly": 0.07, "churn_rate.yearly": 0.581}
    assert values(month, *expected) == near(expected)
    assert year["churn_rate.monthly"].value == pytest.approx(1 - 0.93 ** (1 / 12))


def test_a_credit_note_lowers_what_is_owed_until_it_is_settled(shop: Shop) -> None:
    person, bill = shop.person(), {"issued_on": "2026-01-10", "due_on": "2026-02-10"}
    shop.facts("invoices", bill | {"amount": 1000}, bill | {"amount": -300}, of=person)
    shop.facts("invoices", bill | {"amount": -200, "paid_on": "2026-01-20", "paid_amount": -200}, of=person)
    assert shop.figures(keys=["dso"])["dso.open"].value == 700


def test_where_credit_notes_exceed_the_invoices_no_days_are_outstanding(shop: Shop) -> None:
    """Of 1,000 minus 1,200 nothing can be a part, and no day's invoices are owed."""
    person, bill = shop.person(), {"issued_on": "2026-01-10", "due_on": "2026-02-10"}
    shop.facts("invoices", bill | {"amount": 1000}, bill | {"amount": -1200}, of=person)
    told = shop.figures(keys=["dso"])
    assert values(told, "dso", "dso.open", "dso.count_back") == {"dso": None, "dso.open": -200, "dso.count_back": 0}


def test_tickets_still_open_count_as_longer_than_all_others(shop: Shop) -> None:
    """Answered after 4, 10 and 20 minutes and two not yet: the third of five took 20. With three more nobody knows."""
    at = on("2026-01-07T09:00:00+00:00")
    replied = [at + timedelta(minutes=minutes) for minutes in (4, 10, 20)]
    shop.facts("tickets", *({"created_at": at, "first_reply_at": reply} for reply in [*replied, None, None]),
               of=shop.person())  # fmt: skip
    key = "first_response_time.median_with_open"
    assert shop.figures(keys=["first_response_time"])[key].value == 20
    shop.facts("tickets", *[{"created_at": at, "first_reply_at": None}] * 3, of=shop.person())
    told = shop.figures(keys=["first_response_time"])[key]
    assert (told.value, told.reason, told.n) == (None, Reason.NOT_REACHED, 8)


def test_members_take_part_who_earned_or_spent_points(shop: Shop) -> None:
    """Of four members two did; of 200 points earned 50 were spent."""
    people = shop.people(4)
    shop.facts("loyalty", *({"of": who, "joined_at": "2025-06-01"} for who in people))
    _points(shop, (people[0], "orders", 200), (people[1], "spent", -50), (people[2], "expired", -10))
    told = shop.figures(keys=["loyalty_participation_rate"])
    expected = {"loyalty_participation_rate.active": 0.5, "loyalty_participation_rate.redemption": 0.25}
    assert values(told, *expected) == expected


def test_of_our_own_programme_they_are_members_who_have_had_points(shop: Shop) -> None:
    """Of ten customers four; in January three, one of them a mug by hand: of 200 points earned 50 were spent."""
    people = shop.people(10)
    shop.orders(people, "2025-12-20")
    _points(shop, (people[3], "orders", 10), day="2025-12-20")
    _points(shop, (people[0], "orders", 120), (people[1], "by_hand", 90), (people[2], "by_hand", -50))
    _points(shop, (people[3], "orders", -10))  # A refund took it back.
    told = shop.figures(keys=["loyalty_participation_rate"])
    expected = {
        "loyalty_participation_rate": 0.4,
        "loyalty_participation_rate.active": 0.75,
        "loyalty_participation_rate.redemption": 0.25,
    }
    assert values(told, *expected) == expected


def _points(shop: Shop, *rows: tuple[int, str, int], day: str = "2026-01-05") -> None:
    for who, rule, many in rows:
        row = {"contact_id": who, "rule": rule, "key": f"{day} {who} {rule}", "points": many, "at": on(day)}
        shop.connection.execute(points.insert().values(row | {"day": on(day).date()}))


@pytest.mark.parametrize("many", [24, 28, 46])
def test_half_have_left_as_soon_as_exactly_half_have(many: int) -> None:
    """Floats multiply 23/24 × 22/23 × … × 12/13 to a little more than a half."""
    assert kaplan_meier((day, True, 1) for day in range(1, many + 1)).median == many // 2


def test_half_a_life_has_its_interval_as_scipy_draws_it() -> None:
    """Freireich's trial (1963): of 21 patients with 6-MP half relapsed after 23 weeks, 12 of them still well; of 21
    without after 8, 4 to 11."""
    ended, still = (6, 6, 6, 7, 10, 13, 16, 22, 23), (6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35)
    placebo = (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)
    treated = kaplan_meier([*((week, True, 1) for week in ended), *((week, False, 1) for week in still)])
    others = kaplan_meier((week, True, 1) for week in placebo)
    assert (treated.median, treated.around_median) == (23, None)
    assert (others.median, others.around_median) == (8, (4, 11))
    curve = ecdf(CensoredData(uncensored=placebo)).sf
    with pytest.warns(RuntimeWarning, match="undefined"):  # where nobody is left
        drawn = curve.confidence_interval(method="log-log")
    ends = [float(curve.quantiles[np.argmax(bound.probabilities <= 0.5)]) for bound in (drawn.low, drawn.high)]
    assert ends == [4, 11]
