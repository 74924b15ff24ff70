"""A mailer's limit by the hour and a new sender's warm-up: who does not fit waits, and is told so before and after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from tests.core.test_deliver import WISH
from tests.core.world import World

DAY = "2026-05-04"
ALL = [f"p{number:02}" for number in range(10)]


@contextmanager
def limited(folder: Path, url: str, mail: str, more: str = "") -> Iterator[World]:
    """Ten people have their birthday; all mail goes by a mailer that is so limited."""
    world = World(folder, url, more)
    settings = (world.folder / "regulars.yaml").read_text()
    world.write("regulars.yaml", settings.replace("mail: {type: outbox}", f"mail: {{type: outbox, {mail}}}"))
    world.reopen()
    try:
        world.people(*ALL, birthday=date(1990, 5, 4))
        world.playbook("wish", WISH)
        yield world
    finally:
        world.close()


def test_whoever_does_not_fit_into_the_hour_waits_for_one_that_has_room(tmp_path: Path, database: str) -> None:
    with limited(tmp_path, database, "per_hour: 4") as world:
        got = [len(world.ticks(f"{DAY} {time}")) for time in ("09:00", "09:30", "09:59", "10:00", "10:30", "11:00")]
        assert got == [4, 0, 0, 4, 0, 2]
        assert sorted(world.mailer.addresses) == [f"{name}@x.example" for name in ALL]


def test_the_log_says_who_waits_why_and_until_when(tmp_path: Path, database: str) -> None:
    with limited(tmp_path, database, "per_hour: 4") as world:
        world.tick(f"{DAY} 09:00")
        held = [row for row in world.log() if row.status == "held"]
        assert {row.reason for row in held} == {"per_hour: outbox sends 4 an hour"}
        # In turn: four fit into the next hour, two into the one after.
        assert sorted(f"{row.until:%H:%M}" for row in held if row.until) == ["10:00"] * 4 + ["11:00"] * 2


def test_plan_says_the_same_beforehand(tmp_path: Path, database: str) -> None:
    with limited(tmp_path, database, "per_hour: 4") as world:
        world.tick("2026-05-03 09:00")
        planned = {row.contact.source_id: (row.status, row.reason, row.until) for row in world.plan(f"{DAY} 09:00")}
        world.tick()
        words = {"do": "done", "hold": "held"}
        logged = {row.contact.source_id: (row.status, row.reason, row.until) for row in world.log()}
        assert {who: (words[told[0]], *told[1:]) for who, told in planned.items()} == logged


def test_a_new_sender_sends_more_day_by_day_and_days_without_mail_do_not_count(tmp_path: Path, database: str) -> None:
    with limited(tmp_path, database, "warm_up: [1, 2, 4]", "max_lateness: 10 days\n") as world:
        got = [len(world.ticks(f"2026-05-{day:02} {hour}:00")) for day in (4, 5, 6, 7) for hour in ("09", "15")]
        assert got == [1, 0, 2, 0, 4, 0, 3, 0]
        reasons = {row.reason for row in world.log() if row.status == "held"}
        assert reasons == set()


def test_what_waits_for_longer_than_it_may_ends_as_too_late(tmp_path: Path, database: str) -> None:
    with limited(tmp_path, database, "warm_up: [1, 1, 1, 1, 1, 1]") as world:
        world.tick(f"{DAY} 09:00")
        ended = [row.reason for row in world.log() if row.status == "ended"]
        assert len(ended) == 6
        assert "warm_up: outbox sends 1 on day 1, would be held until 2026-05-08, max_lateness is 3 days" in ended[0]


@pytest.mark.parametrize(
    ("mail", "fault"),
    [
        ("per_hour: 0", "mail.per_hour: must be at least 1, is 0"),
        ("warm_up: slowly", "mail.warm_up: "),
        ("warm_up: [50, -1]", "mail.warm_up"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_a_fault(tmp_path: Path, mail: str, fault: str) -> None:
    with limited(tmp_path, "sqlite:///regulars.db", mail) as world:
        assert any(fault in str(told) for told in world.check().faults)
