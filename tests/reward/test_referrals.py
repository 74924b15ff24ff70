"""A friend counts for the first who brought them, once, when they bought and kept it; nobody recommends themselves."""

from __future__ import annotations

import sqlalchemy as sa

from connectors.records import Contact, FieldType, Refund
from runner.app.doctor import examine
from runner.collect import referral_code
from runner.reward.verdict import mailbox
from runner.store.tables import contacts, coupons, facts, friends, points, referral_visits
from tests.core.world import World, utc
from tests.reward.given import bought, happened, person, states, told, with_settings

PROGRAMME = """
referrals: {landing: "https://shop.acme.example/", reward: a voucher for 10 €, return_window: 14 days}
"""
FIELDS = {"referred_by": FieldType.TEXT, "phone": FieldType.TEXT}


def started(world: World, more: str = "") -> str:
    """A programme that began on the first of February, and Ada's code."""
    with_settings(world, PROGRAMME.replace("}", f"{more}}}"))
    world.person("ada", first_name="Ada", custom={"phone": "+49 30 1234"})
    world.tick("2026-02-01 09:00")
    return referral_code(world.store, person(world, "ada").id, world.now)


def friend(world: World, who: str = "bob", **more: object) -> None:
    world.person(who, first_name=who.title(), created_at=utc("2026-02-10 10:00"), **more)


def test_a_code_on_an_order_brings_a_friend_through_every_state(each_world: World) -> None:
    world, code = each_world, started(each_world)
    world.playbook("reward", "trigger: {event: {kind: referral_due}}\n")
    friend(world)
    world.tick("2026-02-10 11:00")
    bought(world, "bob", "2026-02-10 12:00", code=f" {code.lower()} ")
    world.tick("2026-02-10 13:00")
    assert states(world) == [("bought", None)]
    assert happened(world) == ["ada referral_joined Bob", "bob referred Ada", "ada referral_bought"]
    world.tick("2026-02-24 11:59")
    assert states(world) == [("bought", None)]
    world.tick("2026-02-24 12:01")
    assert happened(world)[3:] == ["ada referral_due Bob a voucher for 10 €"]
    assert world.who_got() == ["ada"]
    world.tick("2026-02-24 12:10")
    (row,) = world.rows(sa.select(friends))
    assert (row.state, row.rewarded_by) == ("rewarded", "reward: hello")
    assert row.rewarded_at == utc("2026-02-24 12:01")


def test_an_event_a_visit_and_a_sign_up_form_attribute_as_well(each_world: World) -> None:
    world, code = each_world, started(each_world)
    visit = {"id": "v1", "referrer_id": person(world, "ada").id, "at": utc("2026-02-09 10:00")}
    world.do(sa.insert(referral_visits).values(**visit))
    friend(world, "bob")
    friend(world, "eve")
    world.hear(
        Contact(contact_id="kim", email="kim@x.example", created_at=utc("2026-02-10"), custom={"referred_by": code}),
        fields=FIELDS,
    )
    told(world, "bob", "signed_up", "2026-02-10 10:05", referral_code=code)
    told(world, "eve", "order_placed", "2026-02-10 10:06", referral_visit="v1")
    world.tick("2026-02-10 11:00")
    rows = world.rows(sa.select(friends.c.came_by, friends.c.state, friends.c.at).order_by(friends.c.came_by))
    assert [tuple(row) for row in rows] == [
        ("event", "signed_up", utc("2026-02-10 10:05")),
        ("field", "signed_up", utc("2026-02-10")),
        ("visit", "signed_up", utc("2026-02-09 10:00")),
    ]


def test_nobody_recommends_themselves_their_household_or_an_old_customer(world: World) -> None:
    code = started(world)
    world.person("old", created_at=utc("2020-01-01"))
    bought(world, "old", "2025-06-01 12:00")
    friend(world, "tagged", email="ada+friend@x.example")
    friend(world, "flat", custom={"phone": "0049 30 1234".replace("00", "+", 1)})
    friend(world, "tester", is_test=True)
    for who in ("ada", "flat", "old", "tagged", "tester"):
        bought(world, who, "2026-02-11 12:00", code=code)
    world.tick("2026-02-11 13:00")
    assert [why for state, why in states(world) if state == "refused"] == [
        "their own code",
        "the same household: both have the same phone",
        "was a customer before, since 2025-06-01",
        "the same mailbox as the one who recommends",
        "a test contact",
    ]
    assert happened(world) == []


def test_the_first_who_brought_somebody_keeps_them(world: World) -> None:
    code = started(world)
    world.person("zoe")
    other = referral_code(world.store, person(world, "zoe").id, world.now)
    friend(world)
    told(world, "bob", "signed_up", "2026-02-10 10:05", referral_code=code)
    bought(world, "bob", "2026-02-10 12:00", code=other)
    world.tick("2026-02-10 13:00")
    assert states(world) == [
        ("bought", None),
        ("refused", f"contact {person(world, 'ada').id} brought them on 2026-02-10"),
    ]


def test_what_comes_back_in_time_earns_nobody_a_reward(world: World) -> None:
    code = started(world)
    friend(world)
    bought(world, "bob", "2026-02-10 12:00", "80", id="o1", code=code)
    world.tick("2026-02-10 13:00")
    world.hear(Refund(refund_id="r", order_id="o1", refunded_at=utc("2026-02-20"), amount="80"))
    world.tick("2026-03-01 09:00")
    assert states(world) == [("refused", "the order came back, was cancelled, or has no exchange rate")]


def test_who_does_not_buy_in_the_window_does_not_count_and_is_forgotten(world: World) -> None:
    code = started(world, ", window: 20 days")
    friend(world)
    told(world, "bob", "signed_up", "2026-02-10 10:05", referral_code=code)
    world.tick("2026-02-11 09:00")
    bought(world, "bob", "2026-03-05 12:00")
    world.tick("2026-03-05 13:00")
    assert states(world) == [("lapsed", "did not buy within 20 days")]


def test_nobody_gets_more_than_the_cap_nor_for_less_than_the_least_order(world: World) -> None:
    code = started(world, ", per_year: 1, minimum_order: 20")
    for who, total in (("bob", "50"), ("eve", "50"), ("kim", "10")):
        friend(world, who)
        bought(world, who, "2026-02-10 12:00", total, code=code)
    world.tick("2026-02-10 13:00")
    world.tick("2026-03-01 09:00")
    assert sorted(states(world), key=str) == [
        ("due", None),
        ("refused", "cap: 1 rewards a year"),
        ("refused", "the order came to less than 20 EUR"),
    ]


def test_coupons_are_given_once_each_and_an_empty_pool_is_told(world: World) -> None:
    world.write("coupons.txt", "# for friends\nTEN-1\nTEN-1\n")
    code = started(world, ", coupons: coupons.txt")
    for who in ("bob", "eve"):
        friend(world, who)
        bought(world, who, "2026-02-10 12:00", code=code)
    world.tick("2026-02-10 13:00")
    waiting = world.tick("2026-03-01 09:00").waiting
    assert waiting == ["referrals: coupons.txt has no coupon left, 1 reward waits for one"]
    world.write("coupons.txt", "TEN-1\nTEN-2, twenty euros\n")
    world.tick("2026-03-01 09:05")
    said = {finding.name: finding.message for finding in examine(world.app).checks}
    assert (said["coupons"], said["referrals"][:32]) == ("left in coupons.txt: 0", "rewards for friends that are due")
    assert [row.code for row in world.rows(sa.select(coupons).order_by(coupons.c.friend_id))] == ["TEN-1", "TEN-2"]
    assert [state for state, _ in states(world)] == ["due", "due"]


def test_a_friend_earns_points_where_the_programme_says_so(world: World) -> None:
    with_settings(world, "loyalty: {since: 2026-01-01, points: {referral: 200}}\n")
    code = started(world)
    friend(world)
    bought(world, "bob", "2026-02-10 12:00", code=code)
    world.tick("2026-02-10 13:00")
    world.tick("2026-03-01 09:00")
    assert person(world, "ada").points == 200
    assert [row.rule for row in world.rows(sa.select(points))] == ["referral"]


def test_orders_with_codes_from_before_the_programme_are_none_of_it(world: World) -> None:
    world.person("ada")
    code = referral_code(world.store, person(world, "ada").id, world.now)
    friend(world)
    bought(world, "bob", "2026-01-20 12:00", code=code)
    with_settings(world, PROGRAMME)
    world.tick("2026-02-01 09:00")
    world.tick("2026-02-02 09:00")
    assert states(world) == []


def test_a_code_still_leads_to_whom_its_owner_was_merged_into(world: World) -> None:
    code = started(world)
    world.person("main")
    gone = {"contact_id": "ada", "email": "ada@x.example", "created_at": utc("2020-01-01"), "merged_into": "main"}
    world.hear(Contact(**gone))
    friend(world)
    bought(world, "bob", "2026-02-10 12:00", code=code)
    world.tick("2026-02-10 13:00")
    chosen = sa.select(contacts.c.key).join_from(friends, contacts, contacts.c.id == friends.c.referrer_id)
    assert [row.key for row in world.rows(chosen)] == ["crm:main"]


def test_addresses_of_one_mailbox_are_seen_as_one() -> None:
    same = ("Ada.Love+shop@gmail.com", "adalove@googlemail.com", "adalove@gmail.com")
    assert {mailbox(address) for address in same} == {"adalove@gmail.com"}
    assert mailbox("a.b+c@x.example") == "a.b@x.example"


def test_friends_members_and_words_given_are_facts_for_the_figures_and_refused_ones_are_not(each_world: World) -> None:
    world = with_settings(each_world, "loyalty: {since: 2026-01-01, points: {per_order: 10}}\n")
    code = started(world)
    friend(world)
    for who in ("ada", "bob"):
        bought(world, who, "2026-02-10 12:00", code=code)
    for hour in ("13:00", "13:05"):
        world.tick(f"2026-02-10 {hour}")
    told = world.rows(sa.select(facts["referrals"]).where(facts["referrals"].c.deleted_at.is_(None)))
    assert [(row.referrer_id, row.invited_at, row.converted_at) for row in told] == [
        ("ada", utc("2026-02-10 12:00"), utc("2026-02-10 12:00"))
    ]
    members = world.rows(sa.select(facts["loyalty"]).order_by(facts["loyalty"].c.contact_id))
    assert [(row.contact_id, row.joined_at) for row in members] == [
        ("ada", utc("2026-02-10 13:00")),
        ("bob", utc("2026-02-10 13:00")),
    ]
    assert person(world, "ada").points == 10
