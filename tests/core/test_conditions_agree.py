"""A condition means the same on SQLite, on PostgreSQL, in Python, and to Jinja itself; its values are always bound."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from runner.conditions import Condition, Fields, Today
from runner.conditions.fields import known_fields
from runner.store import Store
from runner.store.tables import contacts
from tests.core.crowd import (
    DAYS,
    MOMENTS,
    NOW,
    NUMBERS,
    TEXTS,
    ZONES,
    facts_by_person,
    fill,
    found,
    people_of,
    quoted,
    told,
)
from tests.core.jinja_twin import Twin

FIELDS = {
    "text": ("contact.first_name", "contact.country", "contact.plan", "company.name"),
    "number": ("contact.orders_count", "contact.nps_score", "contact.revenue", "contact.seats", "contact.mrr"),
    "bool": ("contact.opted_out", "contact.vip"),
    "date": ("contact.birthday", "contact.customer_since", "contact.renews"),
    "time": ("contact.last_order_at", "contact.nps_at", "contact.trial_end"),
}
SPANS = ("", *(f', within="{span}"' for span in ("12 hours", "7 days", "30 days", "90 days")))
MANY = ("events", "events.login", 'events["page view"]', "orders", "tickets", "answers", "answers.nps")
SUMS = ("events.value", 'events["order-shipped"].value', "events.login.minutes", "orders.total", "answers.csat.score")


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with Store(database) as opened:
        fill(opened)
        yield opened


def calls(function: str, of: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(of), st.sampled_from(SPANS)).map(lambda pair: f"{function}({''.join(pair)})")


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(" ".join)


texts = st.sampled_from(FIELDS["text"]) | st.sampled_from(TEXTS).map(quoted)
texts |= texts.map(lambda text: f"{text}|lower")
days = st.sampled_from((*FIELDS["date"], "today()", "today"))
times = st.sampled_from((*FIELDS["time"], "now")) | calls("last", MANY)
spans = st.tuples(st.sampled_from(("days_since", "days_until", "months_since")), days | times).map(
    lambda pair: f"{pair[0]}({pair[1]})"
)
measures = calls("count", MANY) | calls("sum", SUMS)
numbers = st.recursive(
    st.sampled_from(FIELDS["number"]) | st.sampled_from(NUMBERS).map(str) | spans | measures,
    lambda inner: (
        joined(inner, st.sampled_from("+-*/"), inner).map("({})".format)
        | inner.map("-({})".format)
        | st.tuples(inner, st.sampled_from(FIELDS["bool"]), inner).map(lambda p: f"({p[0]} if {p[1]} else {p[2]})")
    ),
    max_leaves=3,
)
ORDERS = st.sampled_from(("==", "!=", "<", "<=", ">", ">="))
RISING = st.sampled_from(("<", "<="))
EQUALS = st.sampled_from(("==", "!="))
WITHIN = st.sampled_from(("in", "not in"))
LIMITS = st.sampled_from((-5, -2.5, 0, 1, 2, 2.5, 3, 30, 45, 90)).map(str)
every_field = st.sampled_from(sum(FIELDS.values(), ()))
texts_listed = st.lists(st.sampled_from(TEXTS).map(quoted)).map(lambda listed: f"[{', '.join(listed)}]")
atoms = st.one_of(
    st.sampled_from((*FIELDS["bool"], "true", "false")),
    joined(texts, EQUALS, texts),
    joined(texts, WITHIN, texts | texts_listed),
    joined(texts, st.sampled_from(("is", "is not")), st.sampled_from(("startingwith", "endingwith", "containing")),
           st.sampled_from(TEXTS).map(quoted) | st.sampled_from(FIELDS["text"])),
    joined(numbers, ORDERS, numbers),
    joined(spans | measures, ORDERS, LIMITS),
    joined(LIMITS, RISING, numbers, RISING, LIMITS),
    joined(numbers, WITHIN, st.just("[0, 2.5, -1, 6]")),
    joined(days, ORDERS, days | st.sampled_from(DAYS).map('"{}"'.format)),
    joined(times, ORDERS, times | st.just('"2026-02-26 11:05:03"')),
    joined(every_field | calls("last", MANY), EQUALS, st.just("none")),
    # In parentheses: Jinja takes what follows a test for its argument, an `if` too.
    joined(every_field | numbers, st.sampled_from(("is none", "is defined", "is not none"))).map("({})".format),
)  # fmt: skip
conditions = st.recursive(
    atoms,
    lambda inner: (
        joined(inner, st.sampled_from(("and", "or")), inner).map("({})".format)
        | inner.map("not ({})".format)
        # Jinja's own `and` yields one of its sides, a missing one perhaps; compared are therefore answers.
        | joined(inner.map("(not ({}))".format), EQUALS, inner.map("(not ({}))".format))
        | st.tuples(inner, inner, inner).map(lambda part: f"({part[0]} if {part[1]} else {part[2]})")
    ),
    max_leaves=5,
)


def test_random_conditions_hold_for_the_same_people_in_sql_in_python_and_in_jinja(store: Store) -> None:
    with store.read() as connection:
        fields, people = known_fields(connection), people_of(connection)
        twin = Twin(people, facts_by_person(connection))

        @settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(conditions, st.sampled_from(MOMENTS))
        @example("contact.revenue > 2.4", NOW)
        @example("contact.revenue == 0.1 or contact.revenue <= 2.50001", NOW)
        @example("2.5 == contact.revenue", NOW)
        @example("contact.revenue < 100000000000000 and contact.orders_count != 100000000000000", NOW)
        @example("contact.orders_count * 1000000000 > 5 or contact.orders_count in [100000000000000]", NOW)
        @example('1 in [1] and "a" == "a" and none == none and today() == today() and -5 < 3', NOW)
        @example("days_since(contact.last_order_at) > 99999999999", NOW)
        @example("days_until(contact.last_order_at) > 99999999999", NOW)
        @example("months_since(contact.birthday) > 99999999999 or months_since(contact.nps_at) < -99999999999", NOW)
        @example("contact.seats / (contact.orders_count - 1) > 0 and 1 / 0 == none", NOW)
        @example('sum(events["order-shipped"].value) > count(events["page view"], within="30 days") >= 1', NOW)
        @example("2.5 < days_since(contact.renews) or days_until(contact.renews) >= 2.5", NOW)
        @example("days_since(contact.renews) <= -2.5 or 2.5 >= days_since(contact.renews)", NOW)
        @example("1 <= months_since(contact.last_order_at) and months_since(contact.renews) == 1", NOW)
        @example("days_since(last(orders)) > 7 and days_since(last(events.login)) <= 30", NOW)
        @example('contact.birthday <= today and today >= contact.renews and today == "2026-03-28"', NOW)
        @example("months_since(contact.birthday) >= 1 and months_since(contact.nps_at) == 0", MOMENTS[1])
        def agree(source: str, now: datetime) -> None:
            condition, today = Condition(source, fields), Today(now, ZONES)
            in_sql = found(connection, condition, today)
            assert in_sql == told(connection, condition, people, today), source
            assert in_sql == twin.holds(source, now), source

        agree()


def test_every_value_reaches_the_database_as_a_parameter() -> None:
    fields = known_fields(None).bringing("event")
    source = """
        contact.country == "zqtext" or contact.revenue > 7654321 or contact.birthday < "1987-06-05"
        or contact.created_at > "1987-06-05" or contact.country in ["zqlisted", "zqother"] or "zqpart" in contact.email
        or contact.email is endingwith "zqend" or contact.nps_score in [7654322, -7654323] or "zqleft" == contact.tier
        or count(events["zqkind"], within="7654 days") > 7654324 or sum(events.zqsum.value) / 7654325 == 1
        or days_since(contact.last_order_at) > 7654 or months_since(contact.nps_at) > 76543 or event.kind == "zqevent"
        or days_until(contact.birthday) == 7655 or months_since(contact.birthday) <= 7656
        or (7654326 if contact.is_test else 7654327) - contact.points > -7654328
    """
    for dialect in (sqlite.dialect(), postgresql.dialect()):  # type: ignore[no-untyped-call]
        written = str(sa.select(contacts.c.id).where(Condition(source, fields).sql(Today(NOW, ZONES))).compile(
            dialect=dialect
        ))  # fmt: skip
        for value in ("zq", "765", "1987", "Kiritimati", "2026"):
            assert value not in written, value


@pytest.fixture
def fields() -> Fields:
    return known_fields(None)


@pytest.mark.parametrize("source", ["contact.country", "last(orders)", "contact.birthday"])
def test_a_comparison_with_what_is_missing_is_false_whichever_way_round(store: Store, source: str) -> None:
    with store.read() as connection:
        known = known_fields(connection)
        missing = found(connection, Condition(f"{source} is none", known))
        same = found(connection, Condition(f"{source} == {source}", known))
        ordered = "==" if source == "contact.country" else ">="
        compared = found(connection, Condition(f'{source} {ordered} "2026-01-01"', known))
    assert missing
    assert missing < same
    assert missing.isdisjoint(compared)
