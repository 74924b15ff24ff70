"""What comes back changes the store once, whatever order it comes in and however often it is told."""

from __future__ import annotations

import itertools
import json
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.base import Actor, ConnectorSettings, Mailer, MailEvent, MailEventKind, Mailing, Outcome
from runner import collect
from runner.collect import BadAnswer, Counted, Standing, UnknownSend
from runner.links import Kind
from runner.store import Store
from runner.store.tables import (
    answers,
    consents,
    contact_changes,
    contacts,
    inbox,
    mail_events,
    sends,
    suppressions,
)
from tests.web import given
from tests.web.given import LATER, NOON, event, letter, only, person, rows, ticket

HOUR = timedelta(hours=1)


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with Store(database) as opened:
        yield opened


class JsonMailer(Mailer):
    """Speaks the simplest of protocols: a JSON list of events."""

    type = "json"
    settings_model = ConnectorSettings

    def send(self, mailing: Mailing) -> Sequence[Outcome]:
        raise NotImplementedError

    def events(self, body: bytes) -> Iterator[MailEvent]:
        for told in json.loads(body):
            at = datetime.fromisoformat(told.pop("at")) if "at" in told else NOON
            yield MailEvent(at=at, kind=MailEventKind(told.pop("kind")), **told)


def tell(store: Store, *told: MailEvent) -> Counted:
    return collect.events(store, "sendgrid", told, LATER)


def state(store: Store) -> dict[str, Any]:
    """What is known of the letters and of who must not be written to, without row numbers."""
    shown = (
        "delivery",
        "delivered_at",
        "opened",
        "opened_at",
        "clicked",
        "clicked_at",
        "unsubscribed_at",
        "complained_at",
    )
    bound = ("address", "contact_id", "reason")
    return {
        "sends": [{key: row[key] for key in shown} for row in rows(store, sends)],
        "suppressions": sorted(str({key: row[key] for key in bound}) for row in rows(store, suppressions)),
    }


STORY = [
    event(MailEventKind.PROCESSED),
    event(MailEventKind.DELIVERED, at=NOON + HOUR),
    given.opened(Actor.MACHINE, NOON + HOUR),
    given.opened(Actor.HUMAN, NOON + 3 * HOUR),
    event(MailEventKind.CLICKED, at=NOON + 4 * HOUR),
    event(MailEventKind.UNSUBSCRIBED, at=NOON + 5 * HOUR),
]


def test_events_in_any_order_and_told_twice_lead_to_the_same_state(store: Store) -> None:
    letter(store, person(store))
    seen = []
    for order in itertools.islice(itertools.permutations(STORY), 0, 720, 97):
        for one in (*order, *order):
            tell(store, one)
        seen.append(state(store))
        with store.write() as connection:
            for table in (mail_events, suppressions, consents):
                connection.execute(sa.delete(table))
            connection.execute(sa.update(sends).values(dict.fromkeys(seen[0]["sends"][0])))
    assert all(one == seen[0] for one in seen)
    send = seen[0]["sends"][0]
    assert (send["delivery"], send["opened"], send["clicked"]) == ("delivered", "human", "unknown")
    assert send["opened_at"] == NOON + 3 * HOUR


def test_a_repetition_is_counted_and_changes_nothing(store: Store) -> None:
    letter(store, person(store))
    assert tell(store, *STORY, STORY[0]) == Counted(new=6, repeated=1)
    before = state(store)
    assert tell(store, *STORY) == Counted(repeated=6)
    assert state(store) == before


def test_two_mailers_may_use_the_same_event_id(store: Store) -> None:
    letter(store, person(store))
    tell(store, STORY[0])
    assert collect.events(store, "smtp", [STORY[0]], LATER).new == 1


@pytest.mark.parametrize(
    ("told", "stays"),
    [
        ("processed deferred delivered", "delivered"),
        ("delivered bounced", "bounced"),
        ("deferred blocked", "blocked"),
        ("processed dropped", "dropped"),
    ],
)
def test_the_furthest_delivery_stays(store: Store, told: str, stays: str) -> None:
    letter(store, person(store))
    tell(store, *(event(MailEventKind(kind)) for kind in reversed(told.split())))
    assert only(store, sends)["delivery"] == stays


def test_an_event_of_a_letter_nobody_knows_is_kept_and_counted(store: Store) -> None:
    told = [event(MailEventKind.DELIVERED, send_id="of another shop"), event(MailEventKind.OPENED, send_id=None)]
    assert tell(store, *told) == Counted(new=2, unknown=2)
    assert len(rows(store, mail_events)) == 2


@pytest.mark.parametrize("before", ["claimed", "unsure"])
def test_an_event_proves_that_an_unsure_letter_was_accepted(store: Store, before: str) -> None:
    letter(store, person(store), state=before)
    tell(store, event(MailEventKind.DELIVERED, message_id="m-1"))
    send = only(store, sends)
    assert (send["state"], send["settled_at"], send["message_id"]) == ("accepted", LATER, "m-1")


def test_a_bounce_binds_the_address_alone(store: Store) -> None:
    letter(store, person(store))
    tell(store, event(MailEventKind.BOUNCED))
    row = only(store, suppressions)
    assert (row["address"], row["contact_id"], row["reason"]) == ("ada@example.org", None, "bounced")
    assert rows(store, consents) == []


def test_a_blocked_letter_binds_nobody(store: Store) -> None:
    letter(store, person(store))
    tell(store, event(MailEventKind.BLOCKED), event(MailEventKind.DROPPED), event(MailEventKind.DEFERRED))
    assert rows(store, suppressions) == []


@pytest.mark.parametrize(("kind", "reason"), [("complained", "complained"), ("unsubscribed", "unsubscribed")])
def test_a_persons_no_binds_person_and_address(store: Store, kind: str, reason: str) -> None:
    ada = person(store)
    letter(store, ada)
    tell(store, event(MailEventKind(kind)))
    row = only(store, suppressions)
    assert (row["address"], row["contact_id"], row["reason"]) == ("ada@example.org", ada, reason)
    assert only(store, consents)["answer"] == "no"
    assert only(store, contacts)["opted_out"] is True


def test_a_complaint_about_somebody_elses_letter_binds_its_address(store: Store) -> None:
    tell(store, event(MailEventKind.COMPLAINED, send_id=None, address=" Bob@Example.org"))
    assert only(store, suppressions)["address"] == "bob@example.org"


def test_a_machines_click_is_not_the_persons_last_click(store: Store) -> None:
    letter(store, person(store))
    tell(store, event(MailEventKind.CLICKED, actor=Actor.MACHINE), event(MailEventKind.CLICKED, actor=Actor.UNKNOWN))
    assert only(store, contacts)["last_click_at"] is None
    tell(store, event(MailEventKind.CLICKED, actor=Actor.HUMAN, at=LATER))
    tell(store, event(MailEventKind.CLICKED, actor=Actor.HUMAN, at=NOON))
    assert only(store, contacts)["last_click_at"] == LATER


def test_text_that_a_database_cannot_hold_stops_nothing(store: Store) -> None:
    letter(store, person(store))
    tell(store, event(MailEventKind.BOUNCED, event_id="a\0b", reason="550 \ud800 no\0", url="\0"))
    assert only(store, suppressions)["reason"] == "bounced"


def test_drains_and_pages_at_the_same_time_neither_lose_nor_block_each_other(store: Store) -> None:
    people = [person(store, f"p{n}@example.org") for n in range(20)]
    letters = [letter(store, one, f"s-{n}") for n, one in enumerate(people)]
    kinds = (MailEventKind.CLICKED, MailEventKind.COMPLAINED, MailEventKind.BOUNCED)
    told = [event(kind, event_id=f"{kind}-{one}", send_id=one) for kind in kinds for one in letters]
    told_by_letter = sorted(told, key=lambda one: str(one.send_id))
    with ThreadPoolExecutor(4) as hands:
        drains = [hands.submit(tell, store, *order) for order in (told, told[::-1], told_by_letter)]
        for one, sent in zip(people, letters, strict=True):
            hands.submit(collect.answer, store, ticket(one, sent), 7, None, LATER).result()
            hands.submit(collect.unsubscribe, store, ticket(one, sent), "page", LATER).result()
    assert sum(drain.result().new for drain in drains) == len(told)
    assert Tally(row["reason"] for row in rows(store, suppressions)) == dict.fromkeys(
        ("bounced", "complained", "unsubscribed"), 20
    )
    assert {(row["delivery"], row["clicked"]) for row in rows(store, sends)} == {("bounced", "human")}


# --- the inbox


def body(*told: dict[str, Any]) -> bytes:
    return json.dumps(told).encode()


def test_a_body_is_drained_once(store: Store) -> None:
    letter(store, person(store))
    collect.receive(store, "json", body({"event_id": "1", "send_id": "s-1", "kind": "delivered"}), NOON)
    assert collect.drain(store, "json", JsonMailer(), LATER).counted == Counted(new=1)
    assert collect.drain(store, "json", JsonMailer(), LATER).bodies == 0


def test_a_mailer_drains_its_own_bodies_only(store: Store) -> None:
    collect.receive(store, "crm", b"whatever", NOON)
    assert collect.drain(store, "json", JsonMailer(), LATER).bodies == 0


@pytest.mark.parametrize("broken", [b"", b"{", b"\xff\x00", b"[1]", b'[{"kind": "hugged"}]'])
def test_an_unreadable_body_is_kept_with_its_fault_and_stops_no_other(store: Store, broken: bytes) -> None:
    letter(store, person(store))
    collect.receive(store, "json", broken, NOON)
    collect.receive(store, "json", body({"event_id": "1", "send_id": "s-1", "kind": "delivered"}), NOON)
    drained = collect.drain(store, "json", JsonMailer(), LATER)
    assert (drained.bodies, drained.faults, drained.counted.new) == (2, 1, 1)
    with store.inbox.begin() as connection:
        kept = connection.execute(sa.select(inbox).where(inbox.c.fault.is_not(None))).one()
    assert bytes(kept.body) == broken


def test_a_drain_that_was_killed_before_it_ticked_the_body_off_counts_nothing_twice(store: Store) -> None:
    letter(store, person(store))
    for _ in range(2):
        collect.receive(store, "json", body({"event_id": "1", "send_id": "s-1", "kind": "unsubscribed"}), NOON)
    assert collect.drain(store, "json", JsonMailer(), LATER).counted == Counted(new=1, repeated=1)
    assert len(rows(store, suppressions)) == 1


# --- answers


def test_zero_is_a_score(store: Store) -> None:
    ada = person(store)
    letter(store, ada)
    collect.answer(store, ticket(ada), 0, "", NOON)
    assert only(store, answers)["score"] == 0
    assert only(store, contacts)["nps_score"] == 0
    assert only(store, sends)["clicked"] == "human"


def test_a_change_of_mind_overwrites_and_the_first_time_stays(store: Store) -> None:
    ada = person(store)
    letter(store, ada)
    collect.answer(store, ticket(ada), 9, "fine", NOON)
    changed = collect.answer(store, ticket(ada), 3, "it broke", LATER)
    row = only(store, answers)
    assert (row["score"], row["comment"], row["answered_at"], row["changed_at"]) == (3, "it broke", NOON, LATER)
    assert changed.changed
    assert only(store, sends)["answered_at"] == NOON
    assert [(c["old"], c["new"]) for c in rows(store, contact_changes)] == [(None, 9), (9, 3)]


@pytest.mark.parametrize(
    ("about", "score"), [("nps", 11), ("nps", -1), ("nps", None), ("csat", 0), ("ces", 8), ("exit", None)]
)
def test_an_answer_off_the_scale_is_refused_in_words(store: Store, about: str, score: int | None) -> None:
    ada = person(store)
    letter(store, ada, about=about)
    with pytest.raises(BadAnswer, match="cannot be kept"):
        collect.answer(store, ticket(ada), score, None, NOON)
    assert rows(store, answers) == []


def test_a_letter_that_was_no_survey_takes_no_answer(store: Store) -> None:
    ada = person(store)
    letter(store, ada, action="request_review", about="google")
    with pytest.raises(UnknownSend):
        collect.answer(store, ticket(ada), 5, None, NOON)


def test_an_answer_of_somebody_who_was_merged_is_the_living_persons(store: Store) -> None:
    ada = person(store)
    old = person(store, "old@example.org", merged_into=ada)
    letter(store, old)
    collect.answer(store, ticket(old), 10, "\0words", NOON)
    assert only(store, answers)["contact_id"] == ada
    assert [row["nps_score"] for row in rows(store, contacts)] == [10, None]


# --- no and yes


def test_unsubscribing_twice_is_unsubscribing_once(store: Store) -> None:
    ada = person(store)
    letter(store, ada, state="unsure")
    for at in (NOON, LATER):
        collect.unsubscribe(store, ticket(ada, kind=Kind.UNSUBSCRIBE), "page", at)
    assert only(store, suppressions)["at"] == NOON
    assert only(store, consents)["topic"] == "marketing"
    assert only(store, sends)["unsubscribed_at"] == NOON
    assert only(store, sends)["state"] == "accepted"


def test_a_link_whose_letter_is_gone_still_unsubscribes(store: Store) -> None:
    ada = person(store)
    collect.unsubscribe(store, ticket(ada, "lost"), "page", NOON)
    row = only(store, suppressions)
    assert (row["contact_id"], row["address"]) == (ada, "ada@example.org")


def test_an_explicit_yes_takes_the_no_back(store: Store) -> None:
    ada = person(store)
    letter(store, ada)
    collect.unsubscribe(store, ticket(ada), "page", NOON)
    assert collect.standing(store, ticket(ada)) is Standing.UNSUBSCRIBED
    assert collect.resubscribe(store, ticket(ada), LATER) is Standing.SUBSCRIBED
    assert [row["answer"] for row in rows(store, consents)] == ["no", "yes"]
    assert only(store, contacts)["opted_out"] is False


def test_a_no_that_is_told_late_does_not_undo_a_younger_yes(store: Store) -> None:
    ada = person(store)
    letter(store, ada)
    collect.unsubscribe(store, ticket(ada), "page", NOON)
    collect.resubscribe(store, ticket(ada), LATER)
    tell(store, event(MailEventKind.UNSUBSCRIBED, at=NOON))
    assert collect.standing(store, ticket(ada)) is Standing.SUBSCRIBED
    tell(store, event(MailEventKind.UNSUBSCRIBED, at=LATER + HOUR))
    assert collect.standing(store, ticket(ada)) is Standing.UNSUBSCRIBED


def test_a_yes_here_does_not_overrule_the_crms_no(store: Store) -> None:
    ada = person(store, opted_out=True)
    letter(store, ada)
    assert collect.standing(store, ticket(ada)) is Standing.UNSUBSCRIBED
    with store.write() as connection:
        no = {"contact_id": ada, "reason": "crm", "source": "crm", "at": NOON}
        connection.execute(sa.insert(suppressions).values(**no))
    assert collect.resubscribe(store, ticket(ada), LATER) is Standing.BLOCKED
    assert only(store, contacts)["opted_out"] is True


def test_a_no_and_a_yes_leave_their_history(store: Store) -> None:
    ada = person(store)
    letter(store, ada)
    tell(store, event(MailEventKind.UNSUBSCRIBED, at=NOON))
    collect.resubscribe(store, ticket(ada), LATER + HOUR)
    seen = [(row["field"], row["old"], row["new"], row["at"]) for row in rows(store, contact_changes)]
    assert seen == [("opted_out", None, True, LATER), ("opted_out", True, False, LATER + HOUR)]
    assert only(store, contacts)["changed_at"] == LATER + HOUR


@pytest.mark.parametrize("kind", [MailEventKind.COMPLAINED, MailEventKind.BOUNCED])
def test_a_yes_lifts_neither_complaint_nor_bounce(store: Store, kind: MailEventKind) -> None:
    ada = person(store)
    letter(store, ada)
    tell(store, event(kind))
    assert collect.resubscribe(store, ticket(ada), LATER) is Standing.BLOCKED


def test_two_people_of_one_address_answer_for_themselves(store: Store) -> None:
    ada, bob = person(store, "team@example.org"), person(store, "team@example.org", key="crm:2")
    letter(store, ada)
    letter(store, bob, "s-2")
    collect.unsubscribe(store, ticket(ada), "page", NOON)
    assert collect.resubscribe(store, ticket(bob, "s-2"), LATER) is Standing.SUBSCRIBED
    assert collect.standing(store, ticket(ada)) is Standing.UNSUBSCRIBED


# --- referral codes


def test_a_referral_code_is_made_once_and_differs_from_others(store: Store) -> None:
    codes = {collect.referral_code(store, person(store, f"p{n}@example.org"), NOON) for n in range(5)}
    assert len(codes) == 5
    first = rows(store, contacts)[0]
    assert collect.referral_code(store, first["id"], LATER) == first["referral_code"]
    assert not set(first["referral_code"]) & set("0OI1L5S2Z8BUV")
