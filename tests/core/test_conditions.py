"""What a condition may say, what is refused with advice, and what it tells of one contact."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from runner.circumstances import Circumstances
from runner.conditions import Condition, ConditionFault, Fields
from runner.conditions.fields import known_fields
from runner.store import Store
from runner.store.tables import contacts, events, purchases
from tests.core.crowd import CUSTOM, NOW, PEOPLE, SEEN, TODAY, fill, found, quoted


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with Store(database) as opened:
        fill(opened)
        yield opened


@pytest.fixture
def fields() -> Fields:
    return known_fields(None)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("contact.nsp_score > 3", "contact has no 'nsp_score'; did you mean 'nps_score'?"),
        ("contcat.nps_score > 3", "there is no 'contcat' in a condition; use contact or company"),
        ("nps_score > 3", "'nps_score' stands for nothing; write contact.nps_score, or put text in quotes"),
        ("contact.country == PL", "'PL' stands for nothing; write contact.PL, or put text in quotes"),
        ("contact.nps_score", "must be a yes-or-no question, is 'contact.nps_score'; compare with something: "
                              "contact.orders_count > 1"),
        ("contact.nps_score > '6'", "cannot compare the number contact.nps_score with the text \"6\"; "
                                    "put text in quotes, numbers without"),
        ("contact.country > 'A'", 'a text has no order: contact.country > "A"; compare with == or !='),
        ("contact.last_order_at > 30", "cannot compare the time contact.last_order_at with the number 30; "
                                       "use days_since(…) to compare a time with a number of days"),
        ("days_since(contact.country) > 3", "days_since(contact.country) asks for a date or time, "
                                            "contact.country is a text"),
        ("contact.birthday > '1.1.2000'", '\'1.1.2000\' is no date; write it as "2026-11-22"'),
        ("1 != contact.nps_score < 5", "a chain of comparisons: 1 != contact.nps_score < 5; join two with 'and'"),
        ("contact.nps_score // 2 > 5", "not allowed in a condition: (contact.nps_score // 2); divide with /"),
        ("contact.email is endingwit 'x'", 'not allowed in a condition: contact.email is endingwit "x"; '
                                           "did you mean 'endingwith'?"),
        ("contact.nps_score is containing 5", "contact.nps_score is a number, text is needed here"),
        ("contact.created_at > today", "cannot compare the time contact.created_at with the date today; "
                                       "compare how long ago: days_since(…) of both"),
        ("days_sinc(contact.birthday) > 3", "not allowed in a condition: days_sinc(contact.birthday); "
                                            "did you mean 'days_since'?"),
        ("contact.vip_since == 3 if contact.opted_out", "contact has no 'vip_since'"),
        ("(1 if contact.opted_out else 'a') == 1", '(1 if contact.opted_out else "a") is either a number or a text; '
                                                   "let both be of one kind"),
        ("answer.score <= 6", "there is no 'answer' here; the trigger brings none; use contact or company"),
        ("orders.total > 6", 'orders.total is about many; write count(orders), say, or '
                             'count(orders, within="30 days")'),
        ("count(ordres) > 3", "count(…) is about orders, events, tickets or answers: count(ordres); "
                              "did you mean 'orders'?"),
        ("count(contact.email) > 3", "count(…) is about orders, events, tickets or answers: count(contact.email)"),
        ("count(orders.paid) > 3", "orders.paid stands for nothing in count(orders.paid); only events and answers "
                                   "have kinds; write count(orders)"),
        ("sum(orders) > 3", "sum(orders) names no number to sum; write sum(orders.total)"),
        ("sum(events.login) > 3", "sum(events.login) names no number to sum; write sum(events.login.value)"),
        ("sum(orders.totl) > 3", "sum(orders.totl) names no number to sum; did you mean 'total'?"),
        ("sum(tickets.x) > 3", "tickets have nothing to sum: sum(tickets.x); write count(tickets)"),
        ("count(answers.npx) > 3", "there is no survey 'npx' in count(answers.npx); there are nps, csat, ces and exit"),
        ("count(orders, wihtin='3 days') > 3", 'count(orders, wihtin="3 days") has no \'wihtin\'; '
                                               "did you mean 'within'?"),
        ("count(orders, within=30) > 3", "within is a span of time in quotes: count(orders, within=30); "
                                         'write within="30 days"'),
        ("count(orders, within='a month') > 3", "within must be a duration such as '3 days' or '4 hours', is "
                                                "'a month'; write 30 days"),
        ("count() > 3", 'count() asks for one kind of facts; write count(events.login, within="30 days")'),
        ("last(orders) > 30", "cannot compare the time last(orders) with the number 30; "
                              "use days_since(…) to compare a time with a number of days"),
        ("contact.nps_score = 5", "'=' is not understood after the expression; use == to compare"),
        ("contact.opted_out && contact.is_test", "cannot be read: unexpected char '&' at 18; use and"),
        ("contact.nps_score in [1, 'a']", '"a" does not fit among numbers in [1, "a"]'),
        ("contact.__class__ == 'x'", "contact has no '__class__'"),
        ("contact.first_name.lower() == 'x'", "not allowed in a condition: contact.first_name.lower()"),
        ("contact.first_name|upper == 'X'", "not allowed in a condition: contact.first_name|upper"),
        ("contact['first_name'] == 'x'", 'not allowed in a condition: contact["first_name"]; write contact.first_name'),
        ("range(9) == 3", "not allowed in a condition: range(9)"),
        ("contact.nps_score ==", "cannot be read: unexpected end; something is missing behind it"),
        (" ", "is empty; leave the key out, or ask something: contact.orders_count > 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_advice(fields: Fields, source: str, message: str) -> None:
    with pytest.raises(ConditionFault) as refused:
        Condition(source, fields)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    "source",
    [
        "contact.orders_count > 99999999999999999999",
        "contact.nps_score > 1e400",
        'contact.country == "a\\x00b"',
        "not " * 5000 + "contact.opted_out",
        "(" * 5000 + "contact.opted_out" + ")" * 5000,
        " and ".join(["contact.opted_out"] * 5000),
        "contact.nps_score > " + "9" * 5000,
        "contact.birthday == '0000-00-00'",
    ],
)
def test_what_no_database_can_hold_is_refused(fields: Fields, source: str) -> None:
    with pytest.raises(ConditionFault):
        Condition(source, fields)


def test_a_long_list_of_alternatives_is_fine(store: Store) -> None:
    source = " or ".join(f"contact.orders_count == {number}" for number in range(95))
    with store.read() as connection:
        assert len(found(connection, Condition(source, known_fields(connection)))) == PEOPLE


@pytest.mark.parametrize("value", ["'; DROP TABLE contacts; --", "' OR 1=1 --", "%", "{{ 7*7 }}", "\\' OR ''='"])
def test_an_injected_value_stays_a_value(store: Store, value: str) -> None:
    with store.write() as connection:
        connection.execute(contacts.update().where(contacts.c.id == 7).values(first_name=value))
    with store.read() as connection:
        condition = Condition(f"contact.first_name == {quoted(value)}", known_fields(connection))
        assert found(connection, condition) == {7}


def test_missing_is_missing_and_none_asks_for_it(store: Store) -> None:
    with store.read() as connection:
        fields = known_fields(connection)
        missing = found(connection, Condition("contact.nps_score == none", fields))
        compared = found(connection, Condition("contact.nps_score <= 6 or contact.nps_score > 6", fields))
        other = found(connection, Condition("contact.nps_score != 6", fields))
    assert missing
    assert missing.isdisjoint(compared)
    assert len(missing | compared) == PEOPLE
    assert missing < other, "somebody without a score has another one than 6"


def test_clauses_say_with_values_what_held() -> None:
    condition = Condition(
        'contact.nps_score <= 6 and contact.country == "PL" and contact.birthday is none', known_fields(None)
    )
    values = {"contact.nps_score": 9.0, "contact.country": "PL", "contact.zone": "UTC"}
    told = [(clause.text, clause.value, clause.holds) for clause in condition.clauses(values, TODAY)]
    assert told == [
        ("contact.nps_score <= 6", "contact.nps_score is 9.0", False),
        ('contact.country == "PL"', "contact.country is 'PL'", True),
        ("contact.birthday is none", "contact.birthday is missing", True),
    ]


def test_clauses_of_custom_dates_count_their_days(store: Store) -> None:
    with store.read() as connection:
        condition = Condition("days_until(contact.renews) > 3", known_fields(connection))
    values = Circumstances(contact={"zone": "UTC", "custom": {"renews": "2026-04-07"}}).values()
    (clause,) = condition.clauses(values, TODAY)
    assert (clause.value, clause.holds) == ("contact.renews is 2026-04-07, days_until(contact.renews) is 10", True)


def test_clauses_tell_what_decided_texts_chains_and_choices() -> None:
    condition = Condition(
        'contact.email is endingwith "@acme.example" and 0 < contact.nps_score <= 6'
        " and (contact.points if contact.opted_out else contact.revenue) > 5 and contact.birthday < today",
        known_fields(None),
    )
    values = {"contact.email": "ada@acme.example", "contact.nps_score": 7, "contact.revenue": Decimal("9.5")}
    assert [(clause.text, clause.value, clause.holds) for clause in condition.clauses(values, TODAY)] == [
        ('contact.email is endingwith "@acme.example"', "contact.email is 'ada@acme.example'", True),
        ("0 < contact.nps_score <= 6", "contact.nps_score is 7", False),
        (
            "(contact.points if contact.opted_out else contact.revenue) > 5",
            "contact.opted_out is missing, contact.points is missing, contact.revenue is 9.5",
            True,
        ),
        ("contact.birthday < today", "contact.birthday is missing, today is 2026-03-28", False),
    ]


@pytest.mark.parametrize(
    ("source", "doubt"),
    [
        ("days_since(contact.nps_at) == 3", "days_since(contact.nps_at) counts parts of days: it equals a number for "
                                            "an instant only"),
        ("count(events.logn) > 3", "no event of the kind 'logn' has come yet"),
    ],
)  # fmt: skip
def test_what_is_hardly_meant_is_doubted(store: Store, source: str, doubt: str) -> None:
    with store.read() as connection:
        fields = known_fields(connection)
    assert [message for message, _ in Condition(source, fields).doubts] == [doubt]
    sound = "days_since(contact.birthday) == 3 and count(events.login) > 3 and 3 <= days_since(contact.nps_at) < 4"
    assert Condition(sound, fields).doubts == []


# --- what a trigger brings


def test_what_a_trigger_brings_is_asked_of_the_fact_s_own_rows(store: Store) -> None:
    with store.read() as connection:
        fields = known_fields(connection).bringing("event")
        condition = Condition('event.kind == "login" and event.value > 1 and event.minutes < 2', fields)
        chosen = connection.execute(sa.select(events).where(condition.sql(TODAY))).all()
        assert chosen
        assert {(row.kind, row.value > 1, row.custom["minutes"]) for row in chosen} == {("login", True, 1)}
        assert connection.scalar(sa.select(sa.func.count()).select_from(events)) > len(chosen)


def test_what_a_trigger_brings_may_be_rows_of_its_own(store: Store) -> None:
    rows = sa.select(purchases.c.order_key.label("event_id"), purchases.c.value, purchases.c.at).subquery()
    with store.read() as connection:
        condition = Condition(
            "event.value > 1 and days_since(event.at) < 2", known_fields(None).bringing("event", rows=rows)
        )
        chosen = connection.execute(sa.select(rows).where(condition.sql(TODAY))).all()
    assert {row.value for row in chosen} == {Decimal("19.75")}


@pytest.mark.parametrize(
    ("word", "source", "values"),
    [
        ("answer", "answer.score <= 6 and answer.kind == 'nps'", {"answer.score": 3.0, "answer.kind": "nps"}),
        ("deal", "deal.stage == 'closedwon' and deal.amount > 99.5",
         {"deal.stage": "closedwon", "deal.amount": Decimal(100)}),
        ("order", "order.total * 2 > 19", {"order.total": Decimal("9.75")}),
        ("cart", "days_since(cart.created_at) < 1 and cart.url is defined", {"cart.created_at": NOW, "cart.url": "x"}),
        ("invoice", "days_since(invoice.due_on) == 3 and invoice.paid_on is none",
         {"invoice.due_on": date(2026, 3, 25)}),
        ("enrollment", "enrollment.occasion is startingwith 'lapse'", {"enrollment.occasion": "lapse shop:1"}),
        ("contract", "days_until(contract.ends_on) == 4", {"contract.ends_on": "2026-04-01"}),
    ],
)  # fmt: skip
def test_a_fact_is_asked_by_its_values(word: str, source: str, values: dict[str, Any]) -> None:
    condition = Condition(source, known_fields(None).bringing(word))
    assert condition.words == {word}
    assert condition.holds(values, TODAY)
    assert not condition.holds({}, TODAY)


STRANGE = ("gold", "", "5", 5, 2.5, True, "2026-02-30", "2026-03-01", "0000-01-01", "2026-W09-1", "2100-02-29", "now",
           "2026-03-01T09:00:00+00:00", "2026-02-29T09:00:00+00:00", "2026-03-01T25:00:00+00:00", 10**400)  # fmt: skip


@pytest.mark.parametrize(
    "source",
    [
        'contact.seats >= 2', "contact.seats == none", "contact.vip", "contact.vip == none",
        'contact.renews > "2020-01-01"', "contact.renews == none", "days_since(contact.renews) > 0",
        'contact.trial_end > "2020-01-01 00:00"', "contact.trial_end == none", "days_since(contact.trial_end) > 0",
    ],
)  # fmt: skip
def test_a_custom_value_of_another_kind_is_missing_and_breaks_nothing(store: Store, source: str) -> None:
    rows = [
        SEEN | {"id": 9000 + number, "key": f"odd:{number}", "zone": "UTC", "custom": dict.fromkeys(CUSTOM, value)}
        for number, value in enumerate(STRANGE)
    ]
    with store.write() as connection:
        connection.execute(contacts.insert(), rows)
    with store.read() as connection:
        condition = Condition(source, known_fields(connection))
        odd = sa.select(contacts.c.key).where(contacts.c.key.startswith("odd:"), condition.sql(TODAY))
        chosen = set(connection.scalars(odd))
    values = {row["key"]: {f"contact.{name}": value for name, value in row["custom"].items()} for row in rows}
    assert chosen == {key for key, told in values.items() if condition.holds(told, TODAY)}
    assert len(chosen) < len(rows)
