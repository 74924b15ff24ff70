"""A playbook parts: by what is so, by a stable draw, and ends where it says stop; plan walks the same ways as run."""

from __future__ import annotations

import sqlalchemy as sa

from runner.collect import answer
from runner.links import Kind, Ticket
from runner.store.tables import sends
from tests.core.world import World, utc

LOW = "trigger: {low_score: {at_most: 6}}"
DAY = "trigger: {onboarding: {day: 1}}"


def mail(id: str) -> str:
    return f"{{send_email: {{id: {id}, template: email/hello, subject: Hi}}}}"


def survey_answered(world: World, who: str, score: int, at: str) -> None:
    """Somebody answers on the survey's page."""
    chosen = sa.select(sends.c.id, sends.c.contact_id).where(sends.c.action == "survey")
    (send, contact) = next(row for row in world.rows(chosen) if world.log(who)[0].contact.id == row.contact_id)
    answer(world.store, Ticket(Kind.SURVEY, send, contact), score, None, utc(at))


ASK = f"""
{DAY}
actions:
  - survey: {{id: nps, kind: nps, template: email/ask, close_after: 10 days}}
  - choose:
      - when: answer.score <= 6
        actions: [{mail("sorry")}]
      - when: answer.score >= 9 and contact.orders_count > 1
        actions: [{mail("refer")}]
      - otherwise: [{mail("thanks")}]
  - create_task: {{id: note, subject: "Answered {{{{ answer.score if answer else 'nothing' }}}}"}}
"""


def test_the_first_way_whose_condition_holds_is_taken_and_the_rest_goes_on_below(each_world: World) -> None:
    each_world.person("ada", customer_since=utc("2026-03-01").date())
    each_world.playbook("ask", ASK)
    each_world.ticks("2026-03-01 08:00", "2026-03-02 09:00")
    survey_answered(each_world, "ada", 3, "2026-03-02 10:00")
    each_world.tick("2026-03-02 10:05")
    assert each_world.why("ada")[1:] == [
        "choose-1: done, answer.score <= 6 (answer.score is 3.0)",
        "sorry: done, 1 day after becoming a customer on 2026-03-01",
        "note: done, 1 day after becoming a customer on 2026-03-01",
    ]
    assert [row.branch for row in each_world.log("ada") if row.branch] == ["answer.score <= 6"]


def test_a_choose_that_names_the_answer_waits_for_it_until_the_survey_closes(each_world: World) -> None:
    each_world.person("ada", customer_since=utc("2026-03-01").date())
    each_world.playbook("ask", ASK)
    each_world.ticks("2026-03-01 08:00", "2026-03-02 09:00", "2026-03-11 09:00")
    assert each_world.why("ada")[1:] == ["choose-1: held, waits for the answer, until the survey closes"]
    each_world.tick("2026-03-12 09:01")
    assert each_world.why("ada")[1] == "choose-1: done, no condition holds: otherwise"
    assert [letter.step for letter in each_world.got()] == ["nps", "thanks"]


def test_where_no_survey_went_out_no_answer_is_waited_for(world: World) -> None:
    world.person("ada", email=None, customer_since=utc("2026-03-01").date())
    world.playbook("ask", ASK)
    world.ticks("2026-03-01 08:00", "2026-03-02 09:00")
    assert [row.step for row in world.log("ada")] == ["nps", "choose-1", "thanks", "note"]


def test_an_answer_that_let_somebody_in_is_the_answer(each_world: World) -> None:
    each_world.person("ada")
    each_world.playbook("mend", f"{LOW}\nactions:\n  - choose: [{{when: answer.score < 3, actions: [{mail('boss')}]}}]")
    each_world.tick("2026-03-01 08:00")
    each_world.answer("ada", 2, utc("2026-03-01 09:00"))
    each_world.tick("2026-03-01 10:00")
    assert [letter.step for letter in each_world.got()] == ["boss"]


def test_a_way_without_steps_goes_on_below(world: World) -> None:
    world.person("ada", country="PL", customer_since=utc("2026-03-01").date())
    way = f'- choose: [{{when: contact.country == "PL", actions: []}}, {{otherwise: [{mail("other")}]}}]'
    world.playbook("p", f"{DAY}\nactions:\n  {way}\n  - {mail('all')}")
    world.ticks("2026-03-01 08:00", "2026-03-02 09:00")
    assert [letter.step for letter in world.got()] == ["all"]


def test_ways_within_ways_come_back_to_where_the_outermost_ends(world: World) -> None:
    world.person("ada", country="PL", customer_since=utc("2026-03-01").date())
    inner = f"{{choose: [{{when: contact.orders_count > 0, actions: [{mail('b')}]}}]}}"
    outer = f'- choose: [{{when: contact.country == "PL", actions: [{mail("a")}, {inner}]}}]'
    world.playbook("p", f"{DAY}\nactions:\n  {outer}\n  - {mail('c')}")
    world.ticks("2026-03-01 08:00", "2026-03-02 09:00")
    assert [letter.step for letter in world.got()] == ["a", "c"]


SPLIT = f"""
{DAY}
brake: {{people: 1000, share: 100%}}
actions:
  - split:
      id: test
      arms:
        - {{name: a, share: 30%, actions: [{mail("a")}]}}
        - {{name: b, share: 70%, actions: [{mail("b")}]}}
  - {mail("c")}
"""


def test_a_split_gives_each_arm_its_share_and_the_same_person_the_same_arm(world: World) -> None:
    many = [f"p{number}" for number in range(400)]
    world.people(*many, customer_since=utc("2026-03-01").date())
    world.playbook("p", SPLIT)
    world.ticks("2026-03-01 08:00", "2026-03-02 09:00")
    arms = {row.contact.source_id: row.branch for row in world.log() if row.step == "test"}
    assert arms.keys() == set(many)
    assert 90 <= sum(arm == "a" for arm in arms.values()) <= 150
    assert {letter.who: letter.step for letter in world.got() if letter.step != "c"} == arms


def test_stop_ends_it_with_its_reason(each_world: World) -> None:
    each_world.person("ada", customer_since=utc("2026-03-01").date())
    each_world.playbook("p", f"{DAY}\nactions:\n  - stop: sold out\n  - {mail('never')}")
    each_world.ticks("2026-03-01 08:00", "2026-03-02 09:00")
    assert each_world.why("ada") == ["stop-1: ended, sold out"]
    assert each_world.inside() == {"ada becoming a customer": "ended"}


def test_a_plan_waits_for_the_answer_to_a_survey_that_it_imagines(world: World) -> None:
    world.person("ada", customer_since=utc("2026-03-01").date())
    world.playbook("ask", ASK)
    world.tick("2026-03-01 08:00")
    planned = [(row.step, row.status, row.reason) for row in world.plan("2026-03-02 09:00")]
    world.tick("2026-03-02 09:00")
    assert planned[1] == ("choose-1", "hold", "waits for the answer, until the survey closes")
    assert [row.step for row in world.log("ada")] == [step for step, *_ in planned]


def test_a_way_may_be_chosen_by_what_many_facts_come_to(each_world: World) -> None:
    each_world.people("ada", "bob", customer_since=utc("2026-03-01").date())
    for day in ("2026-01-15", "2026-02-20", "2026-03-01"):
        each_world.order("ada", utc(f"{day} 07:00"))
    orders = 'count(orders, within="30 days")'
    way = f"- choose: [{{when: '{orders} > 1', actions: [{mail('often')}]}}, {{otherwise: [{mail('seldom')}]}}]"
    each_world.playbook("ask", f"{DAY}\nactions:\n  {way}")
    each_world.ticks("2026-03-01 08:00", "2026-03-02 09:00")
    assert each_world.why("ada")[0] == f"choose-1: done, {orders} > 1 ({orders} is 2)"
    assert [row.step for row in each_world.log("bob")] == ["choose-1", "seldom"]
