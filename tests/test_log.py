"""The action log tells every decision with its reason, and what became of the message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from runner import log
from runner.store import Store
from runner.store.tables import answers, contact_sources, contacts, decisions, enrollments, sends

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with Store(database) as opened:
        with opened.write() as connection:
            _person(connection, 1, "ada")
            _person(connection, 2, "bob")
        yield opened


def test_a_row_is_the_documented_one(store: Store) -> None:
    with store.write() as connection:
        _decide(connection, 1, contact=1, send="s-1", clicked="human", opened="machine", delivery="delivered")
        _answer(connection, "s-1", contact=1, score=9.0)
    assert _documents(store) == [
        {
            "at": "2026-03-02T12:01:00+00:00",
            "playbook": "birthday",
            "version": "v1",
            "occasion": "birthday 1",
            "contact": {"id": 1, "source_id": "ada", "email": "ada@acme.example"},
            "step": "mail",
            "action": "send_email",
            "arm": "treated",
            "status": "done",
            "reason": "due",
            "until": None,
            "send": {
                "id": "s-1",
                "message_id": "m-s-1",
                "state": "accepted",
                "delivery": "delivered",
                "opened": "machine",
                "clicked": "human",
                "answered": 9,
                "unsubscribed": None,
                "complained": None,
            },
            "branch": None,
            "write": None,
        }
    ]


def test_every_row_can_be_written_as_json(store: Store) -> None:
    with store.write() as connection:
        _decide(connection, 1, contact=1, status="held", reason="quiet hours", until=NOON + timedelta(hours=20))
        _decide(connection, 2, contact=2, send="s-2", unsubscribed_at=NOON, complained_at=NOON)
    held, done = [json.loads(json.dumps(document)) for document in _documents(store)]
    assert (held["send"], held["until"]) == (None, "2026-03-03T08:00:00+00:00")
    assert done["send"]["unsubscribed"] == done["send"]["complained"] == "2026-03-02T12:00:00+00:00"


@pytest.mark.parametrize(
    ("score", "comment", "told"), [(0.0, "never again", 0), (4.5, None, 4.5), (None, "the price", "the price")]
)
def test_an_answer_is_told_by_its_score_or_else_its_words(
    store: Store, score: float | None, comment: str | None, told: object
) -> None:
    with store.write() as connection:
        _decide(connection, 1, contact=1, send="s-1")
        _answer(connection, "s-1", contact=1, score=score, comment=comment)
    assert _documents(store)[0]["send"]["answered"] == told


def test_the_log_is_read_oldest_first_also_when_only_the_newest_rows_are_wanted(store: Store) -> None:
    with store.write() as connection:
        for number in (3, 1, 4, 2):
            _decide(connection, number, contact=1)
    assert _occasions(store) == ["birthday 1", "birthday 2", "birthday 3", "birthday 4"]
    assert _occasions(store, limit=2) == ["birthday 3", "birthday 4"]
    assert _occasions(store, limit=0) == []


def test_filters_hold_together(store: Store) -> None:
    with store.write() as connection:
        _decide(connection, 1, contact=1, status="held")
        _decide(connection, 2, contact=2, status="held")
        _decide(connection, 3, contact=1, status="done")
        _decide(connection, 4, contact=1, status="held", playbook="win_back")
    assert _occasions(store, contact=1, status="held") == ["birthday 1", "birthday 4"]
    assert _occasions(store, playbook="birthday", limit=1) == ["birthday 3"]
    assert _occasions(store, since=NOON + timedelta(minutes=3)) == ["birthday 3", "birthday 4"]
    assert _occasions(store, playbook="no such") == []


def test_words_of_a_reason_and_a_span_of_time_narrow_it(store: Store) -> None:
    with store.write() as connection:
        for number, reason in enumerate(("Quiet hours until 08:00", "cap: 1 a day", "quiet hours", "50% off"), start=1):
            _decide(connection, number, contact=1, status="held", reason=reason)
    assert _occasions(store, reason="quiet HOURS") == ["birthday 1", "birthday 3"]
    assert _occasions(store, reason="0% o") == ["birthday 4"]
    assert _occasions(store, reason="%") == ["birthday 4"]
    minutes = [NOON + timedelta(minutes=number) for number in range(5)]
    assert _occasions(store, since=minutes[2], until=minutes[4]) == ["birthday 2", "birthday 3"]


def test_the_log_of_a_merged_person_stands_with_the_survivor(store: Store) -> None:
    with store.write() as connection:
        _person(connection, 3, "ada's second", merged_into=1)
        _person(connection, 4, "ada's third", merged_into=3)
        _decide(connection, 1, contact=4)
        _decide(connection, 2, contact=1)
    assert _occasions(store, contact=1) == ["birthday 1", "birthday 2"]


def test_a_person_of_two_sources_is_one_row_with_the_first_of_them(store: Store) -> None:
    with store.write() as connection:
        connection.execute(
            sa.insert(contact_sources).values(connector="shop", source_id="77", contact_id=1, seen_at=NOON)
        )
        _decide(connection, 1, contact=1)
    assert [row["contact"]["source_id"] for row in _documents(store)] == ["ada"]


def test_a_long_log_is_read_in_chunks_and_completely(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "CHUNK", 7)
    with store.write() as connection:
        for number in range(1, 51):
            _decide(connection, number, contact=1)
    assert len(_occasions(store)) == 50


def test_the_summary_counts_each_playbooks_rows_and_tells_the_commonest_reasons(store: Store) -> None:
    with store.write() as connection:
        for number, reason in enumerate(["cap", "quiet hours", "cap", "a", "b"], start=1):
            _decide(connection, number, contact=1 + number % 2, status="held", reason=reason)
        _decide(connection, 6, contact=1, send="s-6", opened="human")
        _decide(connection, 7, contact=1, send="s-7", opened="machine", playbook="win_back")
    birthday, win_back = _summary(store)
    assert birthday.counts == {"held": 5, "done": 1}
    assert [(told.reason, told.count) for told in birthday.reasons["held"]] == [("cap", 2), ("a", 1), ("b", 1)]
    assert (birthday.people, birthday.mail.sent, birthday.mail.human_open) == (2, 1, 1)
    assert (win_back.mail.sent, win_back.mail.human_open, win_back.mail.machine_open, win_back.reasons) == (1, 0, 1, {})


def test_the_summary_begins_where_it_is_told_to(store: Store) -> None:
    with store.write() as connection:
        _decide(connection, 1, contact=1)
        _decide(connection, 5, contact=2)
    assert [told.counts for told in _summary(store, NOON + timedelta(minutes=2))] == [{"done": 1}]


def _documents(store: Store, **filters: Any) -> list[dict[str, Any]]:
    with store.read() as connection:
        return [row.document() for row in log.rows(connection, **filters)]


def _occasions(store: Store, **filters: Any) -> list[str]:
    return [document["occasion"] for document in _documents(store, **filters)]


def _summary(store: Store, since: datetime | None = None) -> list[log.PlaybookSummary]:
    with store.read() as connection:
        return log.summary(connection, since)


def _person(connection: sa.Connection, number: int, name: str, merged_into: int | None = None) -> None:
    person = {"id": number, "key": f"crm:{name}", "email": f"{name}@acme.example", "zone": "UTC", "custom": {}}
    times = {"created_at": NOON, "seen_at": NOON, "changed_at": NOON, "merged_into": merged_into}
    connection.execute(sa.insert(contacts).values(**person, **times))
    connection.execute(
        sa.insert(contact_sources).values(connector="crm", source_id=name, contact_id=number, seen_at=NOON)
    )


def _decide(
    connection: sa.Connection, number: int, *, contact: int, send: str | None = None, playbook: str = "birthday",
    status: str = "done", reason: str = "due", until: datetime | None = None, **came_back: Any,
) -> None:  # fmt: skip
    """The decision of minute `number`; with `send`, also its message and what came back."""
    at, occasion = NOON + timedelta(minutes=number), f"birthday {number}"
    of = {"playbook": playbook, "contact_id": contact}
    times = dict.fromkeys(("occurred_at", "step_since", "due_at", "entered_at"), at)
    connection.execute(
        sa.insert(enrollments).values(
            **of,
            **times,
            id=number,
            version="v1",
            occasion=occasion,
            facts={},
            arm="treated",
            state="done",
            step="mail",
        )
    )
    if send:
        connection.execute(
            sa.insert(sends).values(
                **of, id=send, enrollment_id=number, step="mail", attempt=0, action="send_email", address="a@b.example",
                mailer="outbox", topic="all", purpose="marketing", state="accepted", claimed_at=at, local_day=at.date(),
                message_id=f"m-{send}", **came_back,
            )
        )  # fmt: skip
    connection.execute(
        sa.insert(decisions).values(
            **of, at=at, version="v1", occasion=occasion, enrollment_id=number, step="mail", action="send_email",
            arm="treated", status=status, reason=reason, until=until, send_id=send,
        )
    )  # fmt: skip


def _answer(
    connection: sa.Connection, send: str, *, contact: int, score: float | None, comment: str | None = None
) -> None:
    times = dict.fromkeys(("answered_at", "changed_at", "seen_at"), NOON)
    connection.execute(
        sa.insert(answers).values(send_id=send, contact_id=contact, kind="nps", score=score, comment=comment, **times)
    )
