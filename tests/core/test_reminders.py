"""A survey's reminder: once, to who has not answered, and never in the way of what follows."""

from __future__ import annotations

import sqlalchemy as sa

from runner import collect
from runner.collect import Said
from runner.links import Kind, Ticket
from runner.store.tables import answers, contacts, sends, tasks
from tests.core.world import World, utc

ASKING = """
trigger: {onboarding: {day: 1}}
surveys:
  tea:
    kind: nps
    questions: [{id: why, ask: Why?, type: choice, options: {late: It came late, cold: It was cold}, optional: true}]
actions:
  - survey: {id: ask, questions: tea, template: email/ask, remind_after: 5 days, remind_subject: Again}
  - choose:
      - when: answer.score <= 6 and answer.why == "late"
        actions: [{create_task: {id: call, subject: "Call: {{ answer.why }}", due: 1 day}}]
      - otherwise: [{send_email: {id: fine, template: email/hello, subject: Fine}}]
"""
ASKED, REMINDED = "2026-03-02 09:00", "2026-03-07 09:00"


def asked(world: World) -> None:
    world.person("ada", customer_since=utc("2026-03-01").date())
    world.playbook("p", ASKING)
    world.ticks("2026-03-01 00:00", ASKED)


def answer(world: World, step: str, at: str, **said: object) -> None:
    send, contact = world.rows(sa.select(sends.c.id, sends.c.contact_id).where(sends.c.step == step))[0]
    collect.record(world.store, Ticket(Kind.SURVEY, send, contact), Said(**said), utc(at))  # type: ignore[arg-type]


def steps(world: World) -> list[str]:
    return [letter.step for letter in world.got()]


def test_who_has_not_answered_is_asked_once_more_and_then_no_more(world: World) -> None:
    asked(world)
    world.ticks("2026-03-07 08:59", REMINDED, "2026-03-12 09:00", "2026-03-20 09:00")
    assert steps(world) == ["ask", "ask-reminder"]
    first, again = world.rows(sa.select(sends).order_by(sends.c.claimed_at))
    assert (again.action, again.reminds, again.about, again.closes_at) == ("reminder", first.id, "nps", first.closes_at)
    assert world.mailer.mailings[-1].subject == "Again"


def test_who_answers_is_not_reminded_and_goes_on_at_once(world: World) -> None:
    asked(world)
    answer(world, "ask", "2026-03-03 10:00", score=3, details={"why": "late"})
    world.ticks("2026-03-03 10:05", REMINDED)
    assert steps(world) == ["ask"]
    assert "ask-wait: done, the answer came on 2026-03-03 10:00" in world.why("ada")
    assert world.rows(sa.select(tasks.c.subject)) == [("Call: late",)]


def test_an_answer_to_the_reminder_is_the_surveys(each_world: World) -> None:
    asked(each_world)
    each_world.tick(REMINDED)
    answer(each_world, "ask-reminder", "2026-03-08 10:00", score=9)
    each_world.tick("2026-03-08 10:05")
    assert steps(each_world)[-1] == "fine"
    (kept,) = each_world.rows(sa.select(answers.c.score, sends.c.step).join_from(answers, sends))
    assert tuple(kept) == (9, "ask")
    assert each_world.rows(sa.select(contacts.c.nps_score)) == [(9,)]


def test_a_reminder_that_no_longer_fits_is_left_out_and_the_rest_goes_on(world: World) -> None:
    asked(world)
    # Nobody was at work until the survey had closed.
    world.tick("2026-04-20 09:00")
    assert "ask-reminder: skipped, the survey has closed" in world.why("ada")
    assert steps(world)[-1] == "fine"


def test_a_reminder_is_no_other_survey_for_the_cap(world: World) -> None:
    world.write("regulars.yaml", (world.folder / "regulars.yaml").read_text() + "caps: {survey_every: 30 days}\n")
    world.reopen()
    asked(world)
    world.tick(REMINDED)
    assert steps(world) == ["ask", "ask-reminder"]


def test_who_was_not_asked_is_not_waited_for(world: World) -> None:
    world.person("ada", email=None, customer_since=utc("2026-03-01").date())
    world.playbook("p", ASKING)
    world.ticks("2026-03-01 00:00", ASKED)
    assert "ask-wait: done, nobody was asked" in world.why("ada")


def test_a_plan_tells_of_the_wait_for_an_answer(world: World) -> None:
    world.person("ada", customer_since=utc("2026-03-01").date())
    world.playbook("p", ASKING)
    world.tick("2026-03-01 00:00")
    told = [(row.step, row.status) for row in world.plan(ASKED)]
    assert told == [("ask", "do"), ("ask-wait", "hold")]
