"""Whom the search of the pages finds by what somebody types, and that it looks at nobody else for it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from runner.app.finding import make_findable, people_called
from tests.core.world import World


@pytest.fixture
def findable(each_world: World) -> World:
    named = (("a", "Łukasz", "Żak"), ("b", "Ewan", "McDonald"), ("c", "EWAN", "Other"), ("d", "50% off", None))
    for source, first, last in named:
        each_world.person(source, first_name=first, last_name=last)
    make_findable(each_world.store)
    make_findable(each_world.store)
    return each_world


FOUND = {
    "łukasz": [1], "ŁUK": [1], "żAK": [1], "Łukasz ż": [1], "ewan mcd": [2], "mcdon": [2], "ewan": [2, 3],
    "50%": [4], "5%": [], "B@x": [2], "b": [2], "3": [3], "zoe": [], "  ": [],
}  # fmt: skip


def test_people_are_found_by_id_address_and_name_whatever_the_case(findable: World) -> None:
    with findable.store.read() as connection:
        assert {typed: sorted(people_called(connection, typed)) for typed in FOUND} == FOUND


def test_a_search_asks_indexes_alone(findable: World) -> None:
    asked: list[tuple[str, Any]] = []
    with findable.store.read() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *told: asked.append(told[2:4]))
        people_called(connection, "zoë mc")
        told = list(asked)
        if not findable.store.is_sqlite:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        word = "EXPLAIN QUERY PLAN" if findable.store.is_sqlite else "EXPLAIN"
        plans = [str(row) for sql, values in told for row in connection.exec_driver_sql(f"{word} {sql}", values)]
    everybody = ("SCAN contacts", "SCAN contact_sources", "Seq Scan on contacts", "Seq Scan on contact_sources")
    assert len(told) > 4
    assert not [step for step in plans if any(scan in step for scan in everybody)], "\n".join(plans)
