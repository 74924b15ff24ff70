"""The judge of the kill tests sees a lost mail."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.kill.company import Mail, faults, message_faults

WISHES, GIFT = ("ada@x.example", "birthday", "wishes"), ("ada@x.example", "birthday", "gift")


def log(statuses: dict[Mail, str]) -> list[dict[str, Any]]:
    return [
        {"contact": {"email": address}, "playbook": playbook, "step": step, "status": status}
        for (address, playbook, step), status in statuses.items()
    ]


@pytest.mark.parametrize("status", ["done", "held", "failed", "skipped", "ended"])
def test_a_mail_that_never_arrived_is_lost_whatever_the_log_says(status: str) -> None:
    told = log({WISHES: "done", GIFT: status})
    assert faults({WISHES, GIFT}, Counter([WISHES]), told) == [f"{GIFT} is lost; the log says {status}"]


def test_a_mail_the_log_is_silent_about_is_lost() -> None:
    told = log({WISHES: "done"})
    assert faults({WISHES, GIFT}, Counter([WISHES]), told) == [f"{GIFT} is lost; the log says nothing"]


def test_a_mail_in_doubt_is_not_lost_nor_is_the_one_that_waits_for_it() -> None:
    assert faults({WISHES, GIFT}, Counter(), log({WISHES: "unsure"})) == []


def test_a_mail_that_came_twice_or_against_the_log_or_to_nobody_is_a_fault() -> None:
    assert faults({WISHES}, Counter([WISHES, WISHES]), log({WISHES: "done"})) == [f"{WISHES} arrived 2 times"]
    assert faults({WISHES}, Counter([WISHES]), log({WISHES: "held"})) == [f"{WISHES} arrived; the log says held"]
    assert faults(set(), Counter([WISHES]), []) == [f"{WISHES} was nobody's business"]


TOLD = ("ada@x.example", "birthday", "tell")


def test_a_message_that_came_twice_is_no_fault_while_a_receiver_can_tell() -> None:
    message = ("m-1", "ada@x.example", "{}")
    assert message_faults(["ada@x.example"], [message, message], log({TOLD: "done"})) == []


@pytest.mark.parametrize("other", [("m-2", "ada@x.example", "{}"), ("m-1", "ada@x.example", "{1}")])
def test_a_message_that_came_with_another_id_or_another_body_is_a_fault(other: tuple[str, str, str]) -> None:
    messages = [("m-1", "ada@x.example", "{}"), other]
    assert len(message_faults(["ada@x.example"], messages, log({TOLD: "done"}))) == 1


@pytest.mark.parametrize("status", ["done", "held", "failed", "unsure"])
def test_a_message_that_never_arrived_is_lost(status: str) -> None:
    told = [f"the message about ada@x.example is lost; the log says {status}"]
    assert message_faults(["ada@x.example"], [], log({TOLD: status})) == told


def test_a_message_that_waits_for_a_mail_in_doubt_is_not_lost() -> None:
    assert message_faults(["ada@x.example"], [], log({WISHES: "unsure"})) == []
    assert message_faults(["ada@x.example"], [], log({WISHES: "done"})) != []
