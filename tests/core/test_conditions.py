"""A condition means the same on SQLite, on PostgreSQL and in Python; what cannot be meant is refused."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runner.circumstances import Circumstances
from runner.conditions import Condition, ConditionFault, Fields, Today
from runner.conditions.fields import known_fields
from runner.store import Store
from runner.store.tables import companies, contacts, custom_fields

NOW = datetime(2026, 3, 28, 23, 30, 17, tzinfo=UTC)
ZONES = ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Warsaw")
SEEN = {"seen_at": NOW, "changed_at": NOW, "created_at": NOW}

TEXTS = (
    "",
    "Anna",
    "anna",
    "Jürgen",
    "JÜRGEN",
    "ß",
    "O'Neill",
    '"',
    "100%",
    "a_b",
    "\\",
    "{{ x }}",
    "Łódź",
    "ÅSE",
    "'; --",
)
NUMBERS = (-1, 0, 1, 2.5, 6, 9.99, 10, 1000000)
DAYS = (date(1990, 2, 28), date(2000, 2, 29), date(2026, 3, 28), date(2026, 3, 29), date(2030, 12, 31))
TIMES = (
    datetime(2026, 3, 28, 23, 30, 16, tzinfo=UTC),
    datetime(2026, 2, 26, 11, 5, 3, tzinfo=UTC),
    NOW.replace(year=2019),
)
CUSTOM = {"plan": "text", "seats": "number", "vip": "bool", "renews": "date", "trial_end": "time"}
FIELDS = {
    "text": ("contact.first_name", "contact.country", "contact.plan", "company.name"),
    "number": ("contact.orders_count", "contact.nps_score", "contact.revenue", "contact.seats", "contact.mrr"),
    "bool": ("contact.opted_out", "contact.vip"),
    "date": ("contact.birthday", "contact.customer_since", "contact.renews"),
    "time": ("contact.last_order_at", "contact.nps_at", "contact.trial_end"),
}


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """Eighty people with every kind of odd and missing value."""
    with Store(database) as opened:
        with opened.write() as connection:
            for name, kind in CUSTOM.items():
                connection.execute(
                    custom_fields.insert().values(of_table="contacts", name=name, type=kind, connector="c")
                )
            firms = [
                {"id": 1, "key": "c:1", "name": "Jürgen & Söhne", **SEEN},
                {"id": 2, "key": "c:2", "name": None, **SEEN},
            ]
            connection.execute(companies.insert(), firms)
            connection.execute(contacts.insert(), [_somebody(random.Random(number), number) for number in range(80)])
        yield opened


def _somebody(chance: random.Random, number: int) -> dict[str, Any]:
    def maybe(values: Any) -> Any:
        return chance.choice((*values, None))

    custom = {"plan": maybe(TEXTS), "seats": maybe(NUMBERS), "vip": maybe((True, False))}
    custom |= {"renews": str(chance.choice(DAYS)), "trial_end": chance.choice(TIMES).isoformat()}
    return SEEN | {
        "key": f"c:{number}", "zone": chance.choice(ZONES), "first_name": maybe(TEXTS), "country": maybe(TEXTS),
        "orders_count": chance.choice((0, 1, 2, 6)), "nps_score": maybe(NUMBERS), "opted_out": maybe((True, False)),
        "revenue": maybe((Decimal("0.1"), Decimal("2.5"), Decimal("100"))), "mrr": maybe((Decimal("9.99"),)),
        "birthday": maybe(DAYS), "customer_since": maybe(DAYS), "last_order_at": maybe(TIMES), "nps_at": maybe(TIMES),
        "company_id": maybe((1, 2)), "custom": {name: value for name, value in custom.items() if chance.random() < 0.8},
    }  # fmt: skip


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


texts = st.sampled_from(FIELDS["text"]) | st.sampled_from(TEXTS).map(_quoted)
texts |= texts.map(lambda text: f"{text}|lower")
whens = st.sampled_from((*FIELDS["date"], *FIELDS["time"], "today()"))
numbers = st.recursive(
    st.sampled_from(FIELDS["number"])
    | st.sampled_from(NUMBERS).map(str)
    | st.tuples(st.sampled_from(("days_since", "days_until")), whens).map(lambda pair: f"{pair[0]}({pair[1]})"),
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda part: f"({' '.join(part)})")
        | inner.map(lambda number: f"-({number})")
    ),
    max_leaves=3,
)
ORDERS = st.sampled_from(("==", "!=", "<", "<=", ">", ">="))
EQUALS = st.sampled_from(("==", "!="))
every_field = st.sampled_from(sum(FIELDS.values(), ()))
dates = st.sampled_from(FIELDS["date"]) | st.sampled_from(DAYS).map(lambda day: f'"{day}"')
times = st.sampled_from(FIELDS["time"])
atoms = st.one_of(
    st.sampled_from((*FIELDS["bool"], "true", "false")),
    st.tuples(texts, EQUALS, texts).map(" ".join),
    st.tuples(texts, st.sampled_from(("in", "not in")), texts).map(" ".join),
    st.tuples(texts, st.sampled_from(("in", "not in")), st.lists(st.sampled_from(TEXTS).map(_quoted)).map(", ".join))
    .map(lambda part: f"{part[0]} {part[1]} [{part[2]}]"),
    st.tuples(numbers, ORDERS, numbers).map(" ".join),
    st.tuples(numbers, st.sampled_from(("in", "not in"))).map(lambda part: f"{part[0]} {part[1]} [0, 2.5, 6]"),
    st.tuples(st.sampled_from(FIELDS["date"]), ORDERS, dates).map(" ".join),
    st.tuples(times, ORDERS, times | st.just('"2026-02-26 11:05:03"')).map(" ".join),
    st.tuples(every_field, EQUALS).map(lambda part: f"{part[0]} {part[1]} none"),
    st.tuples(every_field, st.sampled_from(("none", "defined", "not none"))).map(" is ".join),
)  # fmt: skip
conditions = st.recursive(
    atoms,
    lambda inner: (
        st.tuples(inner, st.sampled_from(("and", "or")), inner).map(lambda part: f"({' '.join(part)})")
        | inner.map(lambda text: f"not ({text})")
        | st.tuples(inner, EQUALS, inner).map(lambda part: f"({part[0]}) {part[1]} ({part[2]})")
    ),
    max_leaves=5,
)


def test_random_conditions_hold_for_the_same_people_in_sql_and_in_python(store: Store) -> None:
    with store.read() as connection:
        fields = known_fields(connection)
        people = _people(connection)

        @settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(conditions)
        @example("contact.revenue > 2.4")
        @example("contact.revenue == 0.1 or contact.revenue <= 2.50001")
        @example("2.5 == contact.revenue")
        @example("contact.revenue < 100000000000000 and contact.orders_count != 100000000000000")
        @example("contact.orders_count * 1000000000 > 5 or contact.orders_count in [100000000000000]")
        @example('1 in [1] and "a" == "a" and none == none and today() == today() and -5 < 3')
        @example("days_since(contact.last_order_at) > 99999999999")
        @example("days_until(contact.last_order_at) > 99999999999")
        def agree(source: str) -> None:
            condition = Condition(source, fields)
            told = {id for id, values in people.items() if condition.holds(values, Today(NOW, ZONES))}
            assert _found(connection, condition) == told, source

        agree()


def _people(connection: sa.Connection) -> dict[int, Mapping[str, Any]]:
    firms = {row["id"]: row for row in connection.execute(sa.select(companies)).mappings()}
    rows = connection.execute(sa.select(contacts)).mappings().all()
    return {row["id"]: Circumstances(contact=row, company=firms.get(row["company_id"])).values() for row in rows}


def _found(connection: sa.Connection, condition: Condition) -> set[int]:
    joined = sa.select(contacts.c.id).outerjoin_from(contacts, companies, companies.c.id == contacts.c.company_id)
    holds, fails = condition.sql(Today(NOW, ZONES)), sa.not_(condition.sql(Today(NOW, ZONES)))
    found = set(connection.scalars(joined.where(holds)))
    assert found.isdisjoint(others := set(connection.scalars(joined.where(fails))))
    assert len(found) + len(others) == 80, "some are neither in nor out"
    return found


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
        ("1 < contact.nps_score < 5", "a chain of comparisons: 1 < contact.nps_score < 5; join two with 'and'"),
        ("contact.nps_score = 5", "'=' is not understood after the expression; use == to compare"),
        ("contact.opted_out && contact.is_test", "cannot be read: unexpected char '&' at 18; use and"),
        ("contact.nps_score in [1, 'a']", '"a" does not fit among numbers in [1, "a"]'),
        ("contact.__class__ == 'x'", "contact has no '__class__'"),
        ("contact.first_name.lower() == 'x'", "not allowed in a condition: contact.first_name.lower()"),
        ("contact.first_name|upper == 'X'", "not allowed in a condition: contact.first_name|upper"),
        ("contact['first_name'] == 'x'", "not allowed in a condition: getitem"),
        ("range(9) == 3", "not allowed in a condition: range(9)"),
        ("contact.nps_score ==", "cannot be read: unexpected end; use == to compare"),
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
        assert len(_found(connection, Condition(source, known_fields(connection)))) == 80


@pytest.mark.parametrize("value", ["'; DROP TABLE contacts; --", "' OR 1=1 --", "%", "{{ 7*7 }}", "\\' OR ''='"])
def test_an_injected_value_stays_a_value(store: Store, value: str) -> None:
    with store.write() as connection:
        connection.execute(contacts.update().where(contacts.c.id == 7).values(first_name=value))
    with store.read() as connection:
        condition = Condition(f"contact.first_name == {_quoted(value)}", known_fields(connection))
        assert _found(connection, condition) == {7}


def test_missing_is_missing_and_none_asks_for_it(store: Store) -> None:
    with store.read() as connection:
        fields = known_fields(connection)
        missing = _found(connection, Condition("contact.nps_score == none", fields))
        compared = _found(connection, Condition("contact.nps_score <= 6 or contact.nps_score > 6", fields))
        other = _found(connection, Condition("contact.nps_score != 6", fields))
    assert missing
    assert missing.isdisjoint(compared)
    assert len(missing | compared) == 80
    assert missing < other, "somebody without a score has another one than 6"


def test_clauses_say_with_values_what_held() -> None:
    condition = Condition(
        'contact.nps_score <= 6 and contact.country == "PL" and contact.birthday is none', known_fields(None)
    )
    values = {"contact.nps_score": 9.0, "contact.country": "PL", "contact.zone": "UTC"}
    told = [(clause.text, clause.value, clause.holds) for clause in condition.clauses(values, Today(NOW, ZONES))]
    assert told == [
        ("contact.nps_score <= 6", "contact.nps_score is 9.0", False),
        ('contact.country == "PL"', "contact.country is 'PL'", True),
        ("contact.birthday is none", "contact.birthday is missing", True),
    ]


def test_clauses_of_custom_dates_count_their_days(store: Store) -> None:
    with store.read() as connection:
        condition = Condition("days_until(contact.renews) > 3", known_fields(connection))
    values = Circumstances(contact={"zone": "UTC", "custom": {"renews": "2026-04-07"}}).values()
    (clause,) = condition.clauses(values, Today(NOW, ZONES))
    assert (clause.value, clause.holds) == ("contact.renews is 2026-04-07, days_until(contact.renews) is 10", True)
