"""What an answer does: it starts playbooks, also when a mind was changed, and is shown in the person's own words."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from runner import collect
from runner.app.voices import heard
from runner.cli.main import app as commands
from runner.collect import Said
from runner.links import Kind, Ticket
from runner.store.tables import sends
from tests.core.test_reminders import ASKING
from tests.core.world import World, utc


@pytest.fixture
def asked(world: World) -> World:
    return asking(world)


@pytest.fixture
def each_asked(each_world: World) -> World:
    return asking(each_world)


def asking(world: World) -> World:
    """Ada has been asked for an NPS; low and high scores start something."""
    world.person("ada", customer_since=utc("2026-03-01").date())
    world.playbook("p", ASKING)
    for kind in ("low_score", "high_score"):
        world.playbook(kind, f"trigger: {{{kind}: {{kind: nps}}}}\nlimits: {{cap: false}}")
    world.ticks("2026-03-01 00:00", "2026-03-02 09:00")
    return world


def answer(world: World, at: str, **said: object) -> None:
    send, contact = world.rows(sa.select(sends.c.id, sends.c.contact_id).where(sends.c.step == "ask"))[0]
    collect.record(world.store, Ticket(Kind.SURVEY, send, contact), Said(**said), utc(at))  # type: ignore[arg-type]


def test_a_low_score_starts_its_playbook_and_so_does_a_mind_that_was_changed_to_one(asked: World) -> None:
    answer(asked, "2026-03-03 10:00", score=9)
    asked.tick("2026-03-03 10:05")
    assert {letter.playbook for letter in asked.got()} == {"p", "high_score"}
    answer(asked, "2026-03-04 10:00", score=2, comment="It broke today")
    asked.ticks("2026-03-04 10:05", "2026-03-04 10:10")
    assert [letter.playbook for letter in asked.got()].count("low_score") == 1


def test_a_mind_that_changes_weeks_later_starts_what_a_low_score_starts(each_asked: World) -> None:
    answer(each_asked, "2026-03-03 10:00", score=9)
    each_asked.ticks("2026-03-03 10:05", "2026-03-12 10:00")
    answer(each_asked, "2026-03-12 10:02", score=9, comment="Still fine")
    each_asked.tick("2026-03-12 10:05")
    assert "low_score" not in {letter.playbook for letter in each_asked.got()}
    answer(each_asked, "2026-03-12 11:00", score=2, comment="It broke today")
    each_asked.ticks("2026-03-12 11:05", "2026-03-12 11:10")
    assert [letter.playbook for letter in each_asked.got()].count("low_score") == 1


def test_a_mind_changed_after_a_playbooks_first_tick_starts_it_however_old_the_answer_is(each_asked: World) -> None:
    answer(each_asked, "2026-03-03 10:00", score=9)
    each_asked.tick("2026-03-04 10:00")
    each_asked.playbook("anew", "trigger: {low_score: {kind: nps}}\nlimits: {cap: false}")
    each_asked.tick("2026-03-12 10:00")
    answer(each_asked, "2026-03-12 11:00", score=2)
    each_asked.ticks("2026-03-12 11:05", "2026-03-12 11:10")
    assert [letter.playbook for letter in each_asked.got()].count("anew") == 1


def test_a_persons_answers_stand_one_after_the_other_with_the_score_before(each_asked: World) -> None:
    each_asked.answer("ada", 8, utc("2026-01-05 09:00"))
    answer(each_asked, "2026-03-03 10:00", score=3, comment="Too late", details={"why": "late"})
    each_asked.tick("2026-03-03 10:05")
    told, ours = heard(each_asked.app, contact="ada").voices
    assert (told.score, told.before, told.playbook, told.source) == (8, None, None, "crm")
    assert (ours.score, ours.before, ours.playbook, ours.source) == (3, 8, "p", "page")
    assert (ours.comment, ours.details) == ("Too late", {"why": "late"})


def test_words_stand_beside_the_figure_and_how_many_have_any(asked: World) -> None:
    asked.answer("ada", 8, utc("2026-03-01 09:00"))
    answer(asked, "2026-03-03 10:00", score=3, comment="Too late")
    asked.tick("2026-03-04 10:05")
    where = ["-C", str(asked.folder), "answers", "--from", "2026-01-01", "--to", "2026-03-05"]
    shown = CliRunner().invoke(commands, where, env={"COLUMNS": "110"}).output
    assert "Net promoter score" in shown
    assert "Too late" in shown
    assert "2 answers, 1 with words." in shown
    found = json.loads(CliRunner().invoke(commands, [*where, "--json", "--limit", "1"]).output)
    assert (found["figures"][0]["n"], [one["score"] for one in found["answers"]]) == (1, [3.0])
