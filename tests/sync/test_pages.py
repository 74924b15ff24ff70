"""Pages are kept so that no kill loses or repeats anything, and what is gone is deleted with care."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.base import Page, SetAside
from connectors.errors import Temporary
from connectors.records import Exit, OrderLine
from runner.store import Store, migrate
from runner.store.tables import (
    consents,
    contact_sources,
    contacts,
    cursors,
    deal_contacts,
    facts,
    orders,
    purchases,
    set_aside,
    stale_contacts,
    suppressions,
    surveys,
)
from runner.sync import TooManyGone
from tests.sync.saying import (
    NOW,
    Saying,
    company,
    contact,
    deal,
    hear,
    listen,
    order,
    page,
    person,
    rows,
    settings,
    survey,
)

LATER = NOW + timedelta(days=1)


class Killed(BaseException):
    """As if by SIGKILL: nobody catches it."""


def test_the_cursor_is_that_of_the_last_page_that_was_kept(store: Store) -> None:
    first = page(person("1"), cursor={"at": 1})
    broken = Saying(first, breaks=Temporary("is away", system="CRM"))
    with pytest.raises(Temporary):
        listen(store, broken)
    again = Saying(page(person("2"), cursor={"at": 2}))
    listen(store, again, now=LATER)
    assert again.asked == [{"at": 1}]
    assert (rows(store, cursors)[0].cursor, rows(store, cursors)[0].synced_at) == ({"at": 2}, LATER)
    assert len(rows(store, contacts)) == 2


def test_what_came_before_a_failure_is_summed_up(store: Store) -> None:
    with pytest.raises(Temporary):
        listen(store, Saying(page(person("1")), page(order("o", "1", "5")), breaks=Temporary("away", system="CRM")))
    assert contact(store, "crm:1").orders_count == 1


@pytest.mark.parametrize("seed", range(6))
def test_a_sync_killed_at_any_commit_ends_as_one_that_was_not(tmp_path: Path, sqlite_url: str, seed: int) -> None:
    draw = random.Random(seed)
    told = _shop(draw)
    with _Mortal(f"sqlite:///{tmp_path / 'spared.db'}", draw) as spared:
        migrate(spared)
        _take_in(spared, told)
        whole = _everything(spared)
    with _Mortal(sqlite_url, draw) as mortal:
        mortal.dies = True
        while not _take_in(mortal, told):
            pass
        mortal.dies = False
        assert _everything(mortal) == whole
        assert mortal.deaths > 3


def test_rows_that_are_gone_from_a_complete_page_are_deleted_and_come_back(store: Store) -> None:
    listen(store, Saying(page(person("1"), person("2"), complete=True), page(order("o", "1", "5"), complete=True)))
    synced = listen(store, Saying(page(person("1"), complete=True), page(table="orders", complete=True)), now=LATER)
    assert (synced.tables["contacts"].deleted, synced.tables["orders"].deleted) == (1, 1)
    assert contact(store, "crm:2").deleted_at == LATER
    assert contact(store, "crm:1").orders_count == 0
    hear(store, person("2"), order("o", "1", "5"), now=LATER)
    assert (contact(store, "crm:2").deleted_at, contact(store, "crm:1").orders_count) == (None, 1)


def test_a_complete_page_speaks_for_all_pages_of_its_table_and_for_no_other_connector(store: Store) -> None:
    hear(store, person("s"), of="shop")
    listen(store, Saying(page(person("1")), page(person("2"), complete=True)))
    synced = listen(store, Saying(page(person("1")), page(person("2"), complete=True)), now=LATER)
    assert synced.tables["contacts"].deleted == 0
    assert all(row.deleted_at is None for row in rows(store, contacts))


def test_a_row_that_is_there_and_cannot_be_read_is_not_gone(store: Store) -> None:
    hear(store, person("1"), order("o", "1", "5"), order("p", "1", "5"))
    fault = SetAside("orders/p", "total", "x", "must be a number")
    synced = listen(store, Saying(page(order("o", "1", "1e30"), complete=True, set_aside=[fault])), now=LATER)
    assert (synced.tables["orders"].deleted, synced.tables["orders"].set_aside) == (0, 2)
    assert contact(store, "crm:1").orders_count == 2


def test_a_sync_that_would_delete_too_many_asks_first_and_keeps_the_rest(store: Store) -> None:
    hear(store, *(person(str(n)) for n in range(100)))
    emptied = Saying(page(person("0", owner="Bo"), cursor={"at": 5}, complete=True), page(order("o", "0", "5")))
    with pytest.raises(TooManyGone, match=r"crm: 99 contacts are gone at the source.*--full --yes-delete"):
        listen(store, emptied, now=LATER)
    assert all(row.deleted_at is None for row in rows(store, contacts))
    assert (contact(store, "crm:0").owner, contact(store, "crm:0").orders_count) == ("Bo", 1)
    assert listen(store, emptied, now=LATER, yes_delete=True).tables["contacts"].deleted == 99


def test_nineteen_may_go_unasked_and_so_may_a_twentieth_of_many(store: Store) -> None:
    hear(store, *(person(str(n)) for n in range(400)), *(order(str(n), "1", "5") for n in range(30)))
    gone = [
        page(table="contacts", deleted=[str(n) for n in range(20)]),
        page(table="orders", deleted=list(map(str, range(19)))),
    ]
    synced = listen(store, Saying(*gone))
    assert (synced.tables["contacts"].deleted, synced.tables["orders"].deleted) == (20, 19)


def test_deletions_that_were_not_made_are_asked_for_again(store: Store) -> None:
    hear(store, person("1"))
    gone = page(table="contacts", deleted=["1"], cursor={"at": 7})
    with pytest.raises(Killed):
        listen(store, Saying(gone, breaks=Killed()))
    assert rows(store, cursors)[0].cursor == {"at": 1}
    listen(store, Saying(gone))
    assert (rows(store, cursors)[0].cursor, contact(store, "crm:1").deleted_at) == ({"at": 7}, NOW)


def test_many_rows_with_the_same_id_are_one_and_the_last_counts(store: Store) -> None:
    hear(store, person("1", owner="A"), person("1", owner="B"))
    assert [row.owner for row in rows(store, contacts)] == ["B"]


def test_equal_rows_of_a_table_without_ids_are_all_kept_once(store: Store) -> None:
    line = OrderLine(order_id="o", sku="x", units=Decimal(1), unit_price=Decimal(2))
    hear(store, line, line, replace(line, sku="y"))
    synced = hear(store, line, line, replace(line, sku="y"), full=True)
    assert len(rows(store, facts["order_lines"])) == 3
    assert synced.tables["order_lines"].new == 0


def test_a_row_keeps_when_it_was_first_seen_unless_only_now_it_happened(store: Store) -> None:
    hear(store, order("o", "1", "5"), survey("a", "1", None, None))
    hear(store, order("o", "1", "6"), survey("a", "1", 3, LATER), now=LATER)
    assert [row.seen_at for row in rows(store, orders)] == [NOW]
    assert [row.seen_at for row in rows(store, surveys)] == [LATER]


def test_a_deal_points_to_all_its_contacts(store: Store) -> None:
    hear(store, person("1"), deal("d", contact_id="1", amount=Decimal(5)))
    assert [row.is_primary for row in rows(store, deal_contacts)] == [True]
    assert contact(store, "crm:1").orders_count == 1


def test_customers_are_companies_where_the_settings_say_so(store: Store) -> None:
    left = Exit(customer_id="c", left_on=NOW.date(), reason="price")
    hear(store, company("c"), left, settings=settings(customers="company"))
    (row,) = rows(store, facts["exits"])
    assert (row.contact_source, row.company_source) == (None, 1)
    hear(store, company("c"), left, settings=settings(customers="contact"), full=True)
    assert rows(store, facts["exits"])[0].contact_source is not None


def test_what_was_set_aside_is_listed_until_a_full_sync_does_not_tell_it_again(store: Store) -> None:
    fault = SetAside("orders.csv:17", "total", "12,5", "must be a number")
    synced = listen(store, Saying(page(table="orders", set_aside=[fault], warnings=["x.csv: not a table's file"])))
    assert (synced.tables["orders"].set_aside, synced.warnings) == (1, ["x.csv: not a table's file"])
    assert {row.words for row in rows(store, set_aside)} == {"must be a number", "x.csv: not a table's file"}
    listen(store, Saying(page(person("1"))), now=LATER, full=True)
    assert not rows(store, set_aside)


class _Mortal(Store):
    """A store whose process may be killed at any commit: just before it, or just after."""

    def __init__(self, url: str, draw: random.Random) -> None:
        super().__init__(url)
        self.draw, self.dies, self.deaths = draw, False, 0

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        fate = self.draw.randrange(8) if self.dies else 8
        self.deaths += fate < 2
        with super().write() as connection:
            yield connection
            if fate == 0:
                raise Killed
        if fate == 1:
            raise Killed


def _take_in(store: Store, told: Sequence[Page]) -> bool:
    """One sync from where the last one came to; whether it lived to its end."""
    done = rows(store, cursors)
    begin = done[0].cursor["page"] + 1 if done and done[0].cursor else 0
    try:
        listen(store, Saying(*told[begin:]), rank=("crm",))
    except Killed:
        return False
    return True


def _shop(draw: random.Random) -> list[Page]:
    """Pages of people, orders and deletions; some orders come before whoever bought."""
    people = [person(str(n), opted_out=draw.random() < 0.3, consent=draw.choice(["yes", "no"])) for n in range(40)]
    bought = [order(str(n), str(draw.randrange(40)), "10") for n in range(60)]
    pages = [page(*people[start : start + 9]) for start in range(0, 40, 9)]
    pages += [page(*bought[start : start + 9]) for start in range(0, 60, 9)]
    draw.shuffle(pages)
    pages += [page(table="contacts", deleted=["3", "5"]), page(table="orders", deleted=["7"])]
    return [replace(each, cursor={"page": number}) for number, each in enumerate(pages)]


def _everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """What the tables say, whatever numbers the rows got."""
    by_key = {
        contacts: ("key", "orders_count", "revenue", "opted_out", "consent", "deleted_at", "last_order_id"),
        contact_sources: ("source_id", "row_hash", "deleted_at"),
        orders: ("order_id", "row_hash", "deleted_at"),
        purchases: ("order_key", "net"),
        suppressions: ("reason", "source", "lifted_at"),
        consents: ("topic", "answer"),
        stale_contacts: ("contact_id",),
        cursors: ("cursor", "synced_at"),
    }
    return {
        table.name: sorted(tuple(str(getattr(row, name)) for name in names) for row in rows(store, table))
        for table, names in by_key.items()
    }


def test_the_lines_of_an_order_that_are_told_anew_stand_in_place_of_those_it_had(store: Store) -> None:
    tea, cup = (OrderLine(order_id="d1", sku=sku, units=Decimal(1), unit_price=Decimal(4)) for sku in ("tea", "cup"))
    listen(store, Saying(page(tea, tea, cup, replace(tea, order_id="d2"))))
    anew = page(tea, cup, cup, all_lines_of=["d1"])
    done = listen(store, Saying(anew, anew))
    left = [(line.order_id, line.sku) for line in rows(store, facts["order_lines"], deleted_at=None)]
    assert sorted(left) == [("d1", "cup"), ("d1", "cup"), ("d1", "tea"), ("d2", "tea")]
    assert done.tables["order_lines"].deleted == 1
