"""Every answer that is low is one occasion, however late it arrives."""

from __future__ import annotations

from tests.core.world import World, utc

LOW = "trigger: {low_score: {kind: nps, at_most: 6}}"


def test_a_low_answer_enters_once(each_world: World) -> None:
    each_world.people("ada", "bob")
    each_world.playbook("sorry", LOW)
    each_world.tick("2026-03-01 00:00")
    each_world.answer("ada", 6, utc("2026-03-01 10:00"))
    each_world.answer("bob", 7, utc("2026-03-01 10:00"))
    each_world.ticks("2026-03-01 12:00", "2026-03-01 12:05", "2026-03-02 12:00")
    assert each_world.why("ada") == ["hello: done, answered 6 to NPS, at most 6 counts as low"]
    assert each_world.log("bob") == []


def test_each_low_answer_is_an_occasion_of_its_own(world: World) -> None:
    world.person("ada")
    world.playbook("sorry", LOW)
    world.tick("2026-03-01 00:00")
    world.answer("ada", 3, utc("2026-03-01 10:00"))
    world.tick("2026-03-01 12:00")
    world.answer("ada", 2, utc("2026-03-08 10:00"))
    world.tick("2026-03-08 12:00")
    assert world.who_got() == ["ada", "ada"]


def test_an_answer_of_the_future_waits_for_its_time(world: World) -> None:
    world.person("ada")
    world.playbook("sorry", LOW)
    world.answer("ada", 3, utc("2026-03-05 10:00"))
    assert world.ticks("2026-03-01 00:00", "2026-03-04 00:00") == []
    assert [letter.who for letter in world.ticks("2026-03-05 10:00")] == ["ada"]


def test_an_answer_that_arrives_late_still_counts_within_max_lateness(each_world: World) -> None:
    each_world.person("ada")
    each_world.playbook("sorry", LOW)
    each_world.ticks("2026-03-01 00:00", "2026-03-10 00:00")
    each_world.now = utc("2026-03-10 01:00")
    each_world.answer("ada", 3, utc("2026-03-08 10:00"))
    assert [letter.who for letter in each_world.ticks("2026-03-10 01:00")] == ["ada"]


def test_an_answer_that_arrives_too_late_is_told_and_starts_nothing(each_world: World) -> None:
    each_world.person("ada")
    each_world.playbook("sorry", LOW)
    each_world.ticks("2026-03-01 00:00", "2026-03-10 00:00")
    each_world.now = utc("2026-03-10 01:00")
    each_world.answer("ada", 3, utc("2026-03-05 10:00"))
    each_world.tick("2026-03-10 01:00")
    assert each_world.why("ada") == ["enter: skipped, too late: max_lateness is 3 days"]


def test_answers_from_before_the_first_tick_start_nothing(world: World) -> None:
    world.person("ada")
    world.answer("ada", 3, utc("2026-02-28 10:00"))
    world.playbook("sorry", LOW)
    assert world.ticks("2026-03-01 00:00", "2026-03-02 00:00") == []
    assert world.log("ada") == []


def test_another_kind_of_survey_is_another_matter(world: World) -> None:
    world.person("ada")
    world.playbook("sorry", LOW)
    world.tick("2026-03-01 00:00")
    world.answer("ada", 1, utc("2026-03-01 10:00"), kind="csat")
    assert world.ticks("2026-03-01 12:00") == []


def test_five_of_five_is_no_low_score(each_world: World) -> None:
    each_world.people("ada", "ben")
    each_world.playbook("sorry", "trigger: {low_score: {kind: csat}}")
    each_world.tick("2026-03-01 09:00")
    each_world.answer("ada", 5, utc("2026-03-01 10:00"), kind="csat")
    each_world.answer("ben", 2, utc("2026-03-01 10:00"), kind="csat")
    each_world.tick("2026-03-01 11:00")
    assert each_world.who_got() == ["ben"]


def test_a_threshold_that_everybody_falls_below_is_a_fault(world: World) -> None:
    world.playbook("sorry", "trigger: {low_score: {kind: csat, at_most: 5}}")
    assert "at_most must leave somebody out: csat goes from 1 to 5" in str(world.check().faults[0])


def test_a_fall_counts_against_the_persons_own_last_answer(each_world: World) -> None:
    each_world.people("ada", "bob", "new")
    each_world.playbook("fell", "trigger: {low_score: {fallen_by: 2}}")
    each_world.answer("ada", 10, utc("2026-01-01 10:00"))
    each_world.answer("ada", 9, utc("2026-02-01 10:00"))
    each_world.answer("bob", 8, utc("2026-02-01 10:00"))
    each_world.tick("2026-03-01 00:00")
    for who in ("ada", "bob", "new"):
        each_world.answer(who, 7, utc("2026-03-01 10:00"))
    each_world.tick("2026-03-01 12:00")
    assert each_world.why("ada") == ["hello: done, answered 7 to NPS after 9, a fall of 2 counts"]
    assert each_world.who_got() == ["ada"], "bob fell by one, of the newcomer nothing was known"


def test_an_answer_of_another_kind_is_no_earlier_answer(world: World) -> None:
    world.person("ada")
    world.playbook("fell", "trigger: {low_score: {kind: csat, fallen_by: 2}}")
    world.answer("ada", 9, utc("2026-02-01 10:00"))
    world.tick("2026-03-01 00:00")
    world.answer("ada", 4, utc("2026-03-01 10:00"), kind="csat")
    assert world.ticks("2026-03-01 12:00") == []


def test_a_low_score_or_a_fall_where_both_are_asked_for(world: World) -> None:
    world.people("low", "fell")
    world.playbook("sorry", "trigger: {low_score: {at_most: 3, fallen_by: 4}}")
    world.answer("fell", 10, utc("2026-02-01 10:00"))
    world.tick("2026-03-01 00:00")
    world.answer("low", 2, utc("2026-03-01 10:00"))
    world.answer("fell", 5, utc("2026-03-01 10:00"))
    world.tick("2026-03-01 12:00")
    assert sorted(world.who_got()) == ["fell", "low"]


def test_a_trigger_may_take_older_answers_than_the_account(world: World) -> None:
    world.person("ada")
    world.playbook("sorry", "trigger: {low_score: {max_lateness: 10 days}}")
    world.ticks("2026-03-01 00:00", "2026-03-10 00:00")
    world.now = utc("2026-03-10 01:00")
    world.answer("ada", 3, utc("2026-03-02 10:00"))
    assert [letter.who for letter in world.ticks("2026-03-10 01:00")] == ["ada"]


def test_a_letter_may_name_the_answer(world: World) -> None:
    world.person("ada")
    world.write(
        "templates/email/hello.html", "{{ answer.score }} {{ answer.at.year }} {{ unsubscribe() }} {{ sender.address }}"
    )
    world.playbook("sorry", LOW)
    world.tick("2026-03-01 00:00")
    world.answer("ada", 3, utc("2026-03-01 10:00"))
    world.tick("2026-03-01 12:00")
    (mailing,) = world.mailer.mailings
    assert "3 2026" in str(mailing)


def test_a_name_that_no_answer_has_is_a_fault(world: World) -> None:
    world.person("ada")
    world.write("templates/email/hello.html", "{{ answer.scor }} {{ unsubscribe() }} {{ sender.address }}")
    world.playbook("sorry", LOW)
    assert "did you mean 'score'?" in str(world.check().faults[0])
