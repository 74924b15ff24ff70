"""Who is who: the sources' words become one contact."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from connectors.records import FieldType, Link
from runner.store import Store
from runner.store.tables import (
    contact_changes,
    contact_companies,
    contact_sources,
    contacts,
    custom_fields,
    set_aside,
    suppressions,
)
from tests.sync.saying import NOW, company, contact, hear, order, person, rows, settings

LATER = NOW + timedelta(days=1)


def test_a_contact_is_kept_with_what_its_source_says(store: Store) -> None:
    told = person("7", email="Ann.Lee@Example.COM", first_name="Ann", birthday=date(1990, 2, 28), custom={"shoe": 38})
    synced = hear(store, told, fields={"shoe": FieldType.NUMBER})
    ann = contact(store, "crm:7")
    assert (ann.email, ann.address, ann.zone) == ("Ann.Lee@Example.COM", "ann.lee@example.com", "UTC")
    assert (ann.birthday, ann.custom) == (date(1990, 2, 28), {"shoe": 38})
    assert synced.document() == {
        "connector": "crm",
        "tables": {"contacts": {"read": 1, "new": 1, "changed": 0, "deleted": 0, "set_aside": 0}},
        "calls": 1,
        "warnings": [],
    }
    assert [(row.name, row.type) for row in rows(store, custom_fields)] == [("shoe", "number")]


def test_what_is_unchanged_is_not_written(store: Store) -> None:
    hear(store, person("7", email="a@example.com"), order("1", "7", "10"))
    synced = hear(store, person("7", email="a@example.com"), order("1", "7", "10"), now=LATER, full=True)
    assert all(counts.new == counts.changed == 0 for counts in synced.tables.values())
    assert contact(store, "crm:7").changed_at == NOW


def test_two_connectors_tell_of_one_person_by_the_address(store: Store) -> None:
    hear(store, person("7", email="ann@example.com", first_name="Ann", custom={"a": 1}))
    hear(
        store,
        person("s1", email=" ANN@example.com".strip(), first_name="Anne", country="PL", custom={"b": 2}),
        of="shop",
    )
    (ann,) = rows(store, contacts)
    assert (ann.first_name, ann.country, ann.custom) == ("Ann", "PL", {"a": 1, "b": 2})
    assert not rows(store, contact_changes)


def test_the_rank_of_connectors_decides_whose_word_counts_whoever_came_first(store: Store) -> None:
    hear(store, person("s1", email="ann@example.com", first_name="Anne", country="PL"), of="shop")
    hear(store, person("7", email="ann@example.com", first_name="Ann"))
    ann = contact(store, "shop:s1")
    assert (ann.first_name, ann.country) == ("Ann", "PL")


def test_people_who_cannot_be_told_apart_stay_apart_and_are_listed(store: Store) -> None:
    hear(store, person("1", email="info@example.com"), person("2", email="info@example.com"))
    synced = hear(store, person("s1", email="info@example.com"), of="shop")
    assert len(rows(store, contacts)) == 3
    assert synced.tables["contacts"].set_aside == 1
    (listed,) = rows(store, set_aside)
    assert (listed.connector, listed.place, listed.field) == ("shop", "contacts/s1", "email")
    assert "is the email of 2 contacts already" in listed.words


def test_a_second_account_of_one_person_in_one_connector_is_not_joined_twice(store: Store) -> None:
    hear(store, person("7", email="ann@example.com"))
    hear(store, person("s1", email="ann@example.com"), person("s2", email="ann@example.com"), of="shop")
    assert [row.key for row in rows(store, contacts)] == ["crm:7", "shop:s2"]
    assert [row.place for row in rows(store, set_aside)] == ["contacts/s2"]


def test_people_may_be_matched_by_a_field_or_not_at_all(store: Store) -> None:
    hear(store, person("7", email="a@example.com", custom={"number": 12}))
    hear(store, person("s1", email="b@example.com", custom={"number": "12"}), of="shop", match="number")
    hear(store, person("p1", email="a@example.com"), of="pos", match="none")
    assert [row.key for row in rows(store, contacts)] == ["crm:7", "pos:p1"]


def test_an_address_that_cannot_be_written_to_is_kept_as_given_only(store: Store) -> None:
    wrong = ["a b@example.com", "a@example.com\r\nBcc: x@y.zz", "ann@", "a\x00b@example.com", "ann@example..com"]
    synced = hear(store, *(person(str(n), email=email) for n, email in enumerate(wrong)))
    assert [row.address for row in rows(store, contacts)] == [None] * 5
    assert contact(store, "crm:2").email == "ann@"
    assert synced.tables["contacts"].set_aside == 1  # the NUL that no database keeps


def test_the_zone_is_the_persons_then_the_companys_then_the_accounts(store: Store) -> None:
    hear(
        store,
        company("c", timezone="Asia/Tokyo"),
        person("1", timezone="Europe/Warsaw", company_id="c"),
        person("2", timezone="Middle/Earth", company_id="c"),
        person("3"),
        settings=settings(timezone="America/Lima"),
    )
    told = [(row.zone, row.bad_timezone) for row in rows(store, contacts)]
    assert told == [("Europe/Warsaw", False), ("Asia/Tokyo", True), ("America/Lima", False)]


def test_another_zone_in_the_settings_reaches_everybody(store: Store) -> None:
    hear(store, person("1"), person("2", timezone="Asia/Tokyo"))
    hear(store, person("1"), settings=settings(timezone="Europe/Warsaw"), now=LATER)
    assert [row.zone for row in rows(store, contacts)] == ["Europe/Warsaw", "Asia/Tokyo"]


def test_a_company_that_comes_after_its_contact_still_gives_its_zone(store: Store) -> None:
    hear(store, person("1", companies=(Link("c", "Employee", True), Link("d"))))
    assert contact(store, "crm:1").company_id is None
    hear(store, company("c", timezone="Asia/Tokyo"), now=LATER)
    ann = contact(store, "crm:1")
    assert (ann.zone, ann.company_id is not None, ann.changed_at) == ("Asia/Tokyo", True, LATER)
    assert [(row.label, row.is_primary) for row in rows(store, contact_companies)] == [("Employee", True), ("", False)]


def test_a_changed_company_marks_its_contacts_as_changed(store: Store) -> None:
    hear(store, company("c"), person("1", company_id="c"), person("2"))
    hear(store, company("c", name="Acme & Sons"), now=LATER)
    assert [row.changed_at for row in rows(store, contacts)] == [LATER, NOW]


def test_changes_are_kept_with_what_was_before(store: Store) -> None:
    hear(store, person("1", lifecycle_stage="lead", custom={"plan": "free"}), fields={"plan": FieldType.TEXT})
    told = person("1", lifecycle_stage="customer", owner="Bo", custom={"plan": "pro", "seats": 3})
    hear(store, told, now=LATER)
    kept = [(row.field, row.old, row.new, row.at) for row in rows(store, contact_changes)]
    assert kept == [
        ("lifecycle_stage", "lead", "customer", LATER),
        ("owner", None, "Bo", LATER),
        ("plan", "free", "pro", LATER),
    ]


def test_a_fact_may_name_somebody_who_has_not_arrived(store: Store) -> None:
    hear(store, order("1", "7", "10"))
    assert not rows(store, contacts)
    hear(store, person("7", email="a@example.com"), now=LATER)
    assert contact(store, "crm:7").orders_count == 1
    assert len(rows(store, contact_sources)) == 1


def test_of_merged_contacts_the_survivor_has_everything(store: Store) -> None:
    hear(store, person("1", email="a@example.com"), person("2"), order("o1", "1", "10"), order("o2", "2", "20"))
    hear(store, replace(person("1"), merged_into="2"), now=LATER)
    old, new = rows(store, contacts)
    assert (old.merged_into, old.email, old.orders_count) == (new.id, "a@example.com", 0)
    assert (new.orders_count, new.revenue) == (2, 30)


def test_the_survivor_may_come_later_and_be_merged_itself(store: Store) -> None:
    hear(store, replace(person("1"), merged_into="2"), order("o1", "1", "10"))
    hear(store, replace(person("2"), merged_into="3"))
    hear(store, person("3"), now=LATER)
    first, second, third = rows(store, contacts)
    assert (first.merged_into, second.merged_into, third.merged_into) == (third.id, third.id, None)
    assert third.orders_count == 1


def test_many_may_wait_for_one_survivor(store: Store) -> None:
    hear(store, *(replace(person(str(n)), merged_into="9") for n in range(3)), order("o", "9", "10"))
    hear(store, replace(person("4"), merged_into="9"), now=LATER)
    hear(store, person("9", email="a@example.com"), now=LATER)
    *merged, survivor = rows(store, contacts)
    assert [row.merged_into for row in merged] == [survivor.id] * 4
    assert survivor.orders_count == 1


def test_two_contacts_merged_into_each_other_are_left_alone_and_listed(store: Store) -> None:
    synced = hear(store, replace(person("1"), merged_into="2"), replace(person("2"), merged_into="1"))
    assert synced.tables["contacts"].set_aside == 1
    assert sum(row.merged_into is None for row in rows(store, contacts)) == 1


def test_a_merge_that_is_taken_back_gives_each_their_own(store: Store) -> None:
    hear(store, replace(person("1"), merged_into="2"), person("2"), order("o1", "1", "10"))
    hear(store, person("1"), now=LATER)
    assert [(row.merged_into, row.orders_count) for row in rows(store, contacts)] == [(None, 1), (None, 0)]


def test_somebody_is_deleted_with_the_last_source_that_knew_them_and_comes_back(store: Store) -> None:
    gone = datetime(2026, 2, 1, tzinfo=UTC)
    hear(store, person("7", email="a@example.com"))
    hear(store, person("s", email="a@example.com"), of="shop")
    hear(store, replace(person("7", email="a@example.com"), deleted_at=gone), now=LATER)
    assert contact(store, "crm:7").deleted_at is None
    hear(store, replace(person("s", email="a@example.com"), deleted_at=gone), of="shop", now=LATER)
    assert contact(store, "crm:7").deleted_at is not None
    hear(store, person("s", email="a@example.com"), of="shop", now=LATER)
    assert contact(store, "crm:7").deleted_at is None


def test_a_row_that_cannot_be_stored_is_set_aside_and_the_rest_is_kept(store: Store) -> None:
    synced = hear(store, person("1"), order("o1", "1", "1e30"), order("o2", "1", "10"), order("o3", "1", "NaN"))
    assert (synced.tables["orders"].new, synced.tables["orders"].set_aside) == (1, 2)
    assert [row.place for row in rows(store, set_aside)] == ["orders/o1", "orders/o3"]


def test_two_syncs_at_once_do_not_take_one_new_person_for_two(database: str, store: Store) -> None:
    def tell(connector: str) -> None:
        with Store(database) as own:
            for _ in range(2):
                hear(own, *(person(str(n), email=f"p{n}@example.com") for n in range(40)), of=connector)

    with ThreadPoolExecutor() as pool:
        list(pool.map(tell, ["crm", "shop", "crm"]))
    assert len(rows(store, contacts)) == 40
    assert len(rows(store, contact_sources)) == 80


def test_an_unsubscribe_that_commits_while_a_contact_is_synced_stands(postgresql_url: str) -> None:
    with Store(postgresql_url) as store, Store(postgresql_url) as page:
        hear(store, person("1"))
        no = sa.insert(suppressions).values(contact_id=1, reason="unsubscribed", source="page", at=NOW)
        out = sa.update(contacts).values(opted_out=True)
        with page.write() as connection, ThreadPoolExecutor() as pool:
            connection.execute(no)
            connection.execute(out)
            synced = pool.submit(hear, store, person("1", owner="Bo"), now=LATER)
            connection.commit()
            synced.result()
        assert (contact(store, "crm:1").opted_out, contact(store, "crm:1").owner) == (True, "Bo")


def test_a_custom_field_has_the_type_of_the_first_connector_and_what_does_not_fit_is_set_aside(store: Store) -> None:
    hear(store, person("1", email="a@example.com", custom={"tier_points": 3}), fields={"tier_points": FieldType.NUMBER})
    told = [person("s1", email="b@example.com", custom={"tier_points": "gold"}),
            person("s2", email="c@example.com", custom={"tier_points": "12.5"})]  # fmt: skip
    synced = hear(store, *told, of="shop", fields={"tier_points": FieldType.TEXT})
    assert [row.custom for row in rows(store, contacts)] == [{"tier_points": 3}, {}, {"tier_points": 12.5}]
    assert synced.tables["contacts"].set_aside == 1
    (listed,) = rows(store, set_aside)
    assert (listed.place, listed.field, listed.value) == ("contacts/s1", "tier_points", "gold")
    assert listed.words.startswith("is no number, as another connector before this one has it")


def test_the_type_of_the_connector_that_goes_first_is_its_own(store: Store) -> None:
    hear(store, person("s1", email="a@example.com", custom={"tier": 3}), of="shop", fields={"tier": FieldType.NUMBER})
    hear(store, person("1", email="b@example.com", custom={"tier": "gold"}), fields={"tier": FieldType.TEXT})
    assert [row.custom for row in rows(store, contacts)] == [{"tier": 3}, {"tier": "gold"}]
    assert [(row.type, row.connector) for row in rows(store, custom_fields)] == [("text", "crm")]
