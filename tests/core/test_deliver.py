"""Claimed first, handed over, settled: nobody twice, nobody lost, and what nobody knows is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.base import Mailing, Outcome, Verdict
from connectors.errors import AuthFailed, Permanent, SharedFault, Temporary
from runner.app import decisions
from runner.app.doctor import examine
from runner.errors import ExitCode
from runner.store.tables import enrollments, playbook_versions, sends
from tests.core.world import TEMPLATE, Postbox, World, all_of, utc

BORN = {"birthday": date(1990, 5, 4)}
WISH = "trigger: {anniversary: {of: contact.birthday}}"
TWO = f"""\
{WISH}
actions:
  - send_email: {{id: first, template: email/hello, subject: First}}
  - wait: 2 days
  - send_email: {{id: second, template: email/hello, subject: Second}}
"""


def born(world: World, *names: str, **told: Any) -> None:
    for name in names:
        world.person(name, **BORN, **told)


def says(verdict: Verdict, *addresses: str, reason: str = "because") -> Callable[[Mailing], Sequence[Outcome]]:
    """That verdict on the letters to these addresses, or on all; the others are taken."""

    def answer(mailing: Mailing) -> Sequence[Outcome]:
        return [
            Outcome(letter.send_id, verdict, reason=reason)
            if letter.to.email.partition("@")[0] in addresses or not addresses
            else Outcome(letter.send_id, Verdict.ACCEPTED)
            for letter in mailing.letters
        ]

    return answer


def raises(error: BaseException) -> Callable[[Mailing], Sequence[Outcome]]:
    def answer(_: Mailing) -> Sequence[Outcome]:
        raise error

    return answer


def states(world: World) -> dict[str, str]:
    return {
        row.address.partition("@")[0]: row.state for row in world.rows(sa.select(sends).order_by(sends.c.claimed_at))
    }


def test_a_second_tick_writes_to_nobody_again(each_world: World) -> None:
    born(each_world, "ada", "bob")
    each_world.playbook("wish", WISH)
    each_world.ticks("2026-05-04 09:00", "2026-05-04 09:00", "2026-05-04 09:05", "2026-05-05 09:00")
    assert sorted(each_world.mailer.addresses) == ["ada@x.example", "bob@x.example"]


def test_one_rejected_recipient_concerns_that_one_only(each_world: World) -> None:
    born(each_world, "ada", "bad", "cyd")
    each_world.mailer = Postbox(says(Verdict.REFUSED, "bad", reason="no such mailbox"))
    each_world.playbook("wish", TWO)
    each_world.ticks("2026-05-04 09:00", "2026-05-04 09:05")
    assert states(each_world) == {"ada": "accepted", "bad": "refused", "cyd": "accepted"}
    assert each_world.why("bad")[0] == "first: failed, refused: no such mailbox"
    assert len(each_world.mailer.addresses) == 3


def test_what_came_back_goes_out_later_and_once(each_world: World) -> None:
    born(each_world, "ada")
    each_world.mailer = Postbox(says(Verdict.RETURNED))
    each_world.playbook("wish", WISH)
    ticked = each_world.tick("2026-05-04 09:00")
    assert (ticked.exit_code, ticked.delivered.returned) == (ExitCode.DONE, 1)
    each_world.mailer = Postbox()
    each_world.ticks("2026-05-04 09:01", "2026-05-04 09:05", "2026-05-04 09:10")
    assert [letter.at for letter in each_world.got()] == [utc("2026-05-04 09:05")]


def test_a_letter_that_comes_back_keeps_nobody_else_waiting(world: World) -> None:
    born(world, "ada", "bob")
    for name in ("a", "b"):
        world.playbook(name, WISH)
    world.mailer = Postbox(says(Verdict.RETURNED, "ada", reason="450 mailbox full"))
    assert world.tick("2026-05-04 09:00").exit_code is ExitCode.DONE
    assert [(letter.who, letter.playbook) for letter in world.got()] == [("bob", "a"), ("bob", "b")]


def test_a_letter_that_keeps_coming_back_is_tried_ever_more_rarely_until_it_is_too_late(world: World) -> None:
    born(world, "ada")
    world.playbook("wish", WISH)
    world.mailer = Postbox(says(Verdict.RETURNED, reason="450 mailbox full"))
    minutes = [minute for minute in range(0, 4 * 60, 5) if world.tick(_after(minute)).delivered.returned]
    assert minutes == [0, 5, 10, 20, 40, 80, 140, 200]
    world.ticks("2026-05-08 09:00")
    assert world.why("ada") == ["hello: ended, too late: due since 2026-05-04, max_lateness is 3 days"]


def _after(minutes: int) -> datetime:
    return utc("2026-05-04 09:00") + timedelta(minutes=minutes)


def test_where_very_many_letters_come_back_the_mailer_is_left_alone(world: World) -> None:
    born(world, *(f"p{number}" for number in range(10)))
    for name in ("a", "b"):
        world.playbook(name, WISH)
    world.mailer = Postbox(says(Verdict.RETURNED, reason="451 slow down"))
    ticked = world.tick("2026-05-04 09:00")
    assert ticked.failures == ["outbox: all 10 letters came back: 451 slow down"]
    assert len(world.mailer.mailings) == 1


def test_a_sender_that_is_refused_uses_up_no_occasion_and_stops_no_other_playbook(world: World) -> None:
    born(world, "ada")
    mail = f"{WISH}\nactions:\n  - send_email: {{id: hello, template: email/hello, subject: Hi, from: "
    world.playbook("a", mail + "wrong@acme.example}")
    world.playbook("b", mail + "right@acme.example}")
    refusal = SharedFault("not a verified sender", system="mail", request="POST", status=400)
    world.mailer = Postbox(lambda mailing: from_acme(mailing, refusal))
    ticked = world.tick("2026-05-04 09:00")
    assert (ticked.exit_code, ticked.failures) == (ExitCode.OUTSIDE, ["a: mail: POST: 400 not a verified sender"])
    assert [letter.playbook for letter in world.got()] == ["b"]
    assert world.why("ada")[0] == "hello: held, came back: not a verified sender"


def test_a_sender_that_is_refused_is_not_tried_with_every_mailing_of_the_step(world: World) -> None:
    born(world, *(f"p{number}" for number in range(30)))
    world.playbook("wish", WISH)
    world.mailer = Postbox(raises(SharedFault("not a verified sender", system="mail", request="POST", status=400)))
    world.mailer.batch_size = 10  # type: ignore[misc]
    assert world.tick("2026-05-04 09:00").delivered.returned == 30
    assert len(world.mailer.mailings) == 1


def from_acme(mailing: Mailing, refusal: Exception) -> Sequence[Outcome]:
    if mailing.sender.email.startswith("wrong"):
        raise refusal
    return all_of(mailing, Verdict.ACCEPTED)


@pytest.mark.parametrize(
    "error", [Temporary("busy", system="mail", request="POST"), AuthFailed("who?", system="mail", request="POST")]
)
def test_a_mailer_that_is_away_loses_nobody(world: World, error: Exception) -> None:
    born(world, "ada", "bob")
    world.mailer = Postbox(raises(error))
    world.playbook("wish", TWO)
    assert world.tick("2026-05-04 09:00").exit_code is ExitCode.OUTSIDE
    assert states(world) == {}
    world.mailer = Postbox()
    world.tick("2026-05-04 09:05")
    assert sorted(world.who_got()) == ["ada", "bob"]


def test_after_a_failure_the_mailer_is_left_alone_until_the_next_tick(world: World) -> None:
    born(world, "ada")
    born(world, "bob", timezone="Europe/Warsaw")
    for name in ("a", "b", "c"):
        world.playbook(name, WISH)
    world.mailer = Postbox(raises(Temporary("busy", system="mail", request="POST")))
    world.tick("2026-05-04 09:00")
    assert len(world.mailer.mailings) == 1


def test_what_is_refused_for_good_is_not_tried_again(world: World) -> None:
    born(world, "ada")
    world.mailer = Postbox(raises(Permanent("too large", system="mail", request="POST")))
    world.playbook("wish", WISH)
    world.ticks("2026-05-04 09:00", "2026-05-04 09:05")
    assert states(world) == {"ada": "refused"}
    assert len(world.mailer.mailings) == 1


def test_what_nobody_knows_is_unsure_and_waits(each_world: World) -> None:
    born(each_world, "ada", "bob")
    each_world.mailer = Postbox(says(Verdict.UNSURE, "ada", reason="the answer was lost"))
    each_world.playbook("wish", TWO)
    assert each_world.tick("2026-05-04 09:00").exit_code is ExitCode.OUTSIDE
    ticked = each_world.tick("2026-05-04 09:05")
    assert (ticked.exit_code, ticked.waiting) == (ExitCode.PERSON, ["1 send is unsure; `regulars settle` lists them"])
    each_world.ticks("2026-05-06 09:00", "2026-05-08 09:00")
    assert each_world.why("ada") == ["first: unsure, nobody knows whether it went out: the answer was lost"]
    assert each_world.who_got() == ["bob", "bob"]


def test_a_letter_the_mailer_says_nothing_of_is_unsure(world: World) -> None:
    born(world, "ada", "bob")
    world.mailer = Postbox(lambda mailing: all_of(mailing, Verdict.ACCEPTED)[:1])
    world.playbook("wish", WISH)
    world.tick("2026-05-04 09:00")
    assert sorted(states(world).values()) == ["accepted", "unsure"]


@pytest.mark.parametrize(
    ("verb", "letters"), [("sent", ["second"]), ("drop", ["second"]), ("resend", ["first", "second"])]
)
def test_a_person_settles_what_is_unsure(each_world: World, verb: str, letters: list[str]) -> None:
    born(each_world, "ada")
    each_world.mailer = Postbox(says(Verdict.UNSURE))
    each_world.playbook("wish", TWO)
    each_world.tick("2026-05-04 09:00")
    each_world.mailer = Postbox()
    each_world.now += timedelta(hours=1)
    assert decisions.settle(each_world.app, None, "wish", verb) == 1
    each_world.ticks("2026-05-04 11:00", "2026-05-06 11:00", "2026-05-08 11:00")
    assert [mailing.subject.lower() for mailing in each_world.mailer.mailings] == letters
    assert set(each_world.inside().values()) == {"done"}


def test_resending_days_later_is_not_too_late(world: World) -> None:
    born(world, "ada")
    world.mailer = Postbox(says(Verdict.UNSURE))
    world.playbook("wish", WISH)
    world.tick("2026-05-04 09:00")
    world.mailer = Postbox()
    world.now = utc("2026-05-11 09:00")
    decisions.settle(world.app, None, "wish", "resend")
    world.tick()
    assert world.mailer.addresses == ["ada@x.example"]


def test_an_event_proves_that_it_went_out(each_world: World) -> None:
    born(each_world, "ada")
    each_world.mailer = Postbox(says(Verdict.UNSURE))
    each_world.playbook("wish", TWO)
    each_world.tick("2026-05-04 09:00")
    each_world.do(sends.update().values(state="accepted"))
    each_world.mailer = Postbox()
    each_world.ticks("2026-05-04 09:05", "2026-05-06 09:05")
    assert each_world.why("ada")[0] == "first: done, accepted: the provider told of it"
    assert [mailing.subject for mailing in each_world.mailer.mailings] == ["Second"]


def proved_meanwhile(world: World, verdict: Verdict) -> Callable[[Mailing], Sequence[Outcome]]:
    """The mailer says its verdict after an event has told that Ada's letter went out."""

    def answer(mailing: Mailing) -> Sequence[Outcome]:
        world.do(sends.update().where(sends.c.address == "ada@x.example").values(state="accepted"))
        return all_of(mailing, verdict, "busy")

    return answer


@pytest.mark.parametrize("verdict", [Verdict.RETURNED, Verdict.UNTRIED])
def test_a_letter_that_came_back_though_an_event_proved_it_goes_on(each_world: World, verdict: Verdict) -> None:
    born(each_world, "ada", "bob")
    each_world.mailer = Postbox(proved_meanwhile(each_world, verdict))
    each_world.playbook("wish", TWO)
    each_world.tick("2026-05-04 09:00")
    each_world.mailer = Postbox()
    each_world.ticks("2026-05-04 09:05", "2026-05-06 09:05")
    assert each_world.why("ada")[0] == "first: done, accepted: the provider told of it"
    assert [m.subject for m in each_world.mailer.mailings] == ["First", "Second"]
    assert each_world.mailer.addresses == ["bob@x.example", "ada@x.example", "bob@x.example"]


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("accepted", "hello: done, accepted before"),
        ("refused", "hello: failed, refused: because"),
        ("unsure", "hello: unsure, because"),
    ],
)
def test_a_send_that_is_there_already_is_taken_up_and_stops_no_batch(each_world: World, state: str, told: str) -> None:
    born(each_world, "ada")
    each_world.playbook("wish", WISH)
    each_world.tick("2026-05-04 09:00")
    each_world.do(sends.update().values(state=state, reason="because"))
    each_world.do(enrollments.update().values(state="active", ended_at=None))
    born(each_world, "bob")
    each_world.tick("2026-05-04 09:05")
    assert each_world.mailer.addresses == ["ada@x.example", "bob@x.example"]
    assert each_world.why("ada") == [told]


def test_an_unsure_send_is_settled_though_its_playbook_does_not_run_and_goes_on_when_it_does(world: World) -> None:
    born(world, "ada")
    world.mailer = Postbox(says(Verdict.UNSURE))
    world.playbook("wish", TWO)
    world.tick("2026-05-04 09:00")
    world.mailer = Postbox()
    world.playbook("wish", "trigger: typo")
    decisions.settle(world.app, None, "wish", "sent")
    world.ticks("2026-05-04 10:00", "2026-05-06 10:00")
    assert world.mailer.mailings == []
    world.playbook("wish", TWO)
    world.ticks("2026-05-06 11:00", "2026-05-08 11:00")
    assert [mailing.subject for mailing in world.mailer.mailings] == ["Second"]


def test_a_letter_is_resent_by_the_rule_that_the_settings_give(world_with: Callable[[str], World]) -> None:
    world = world_with("on_unsure: resend")
    born(world, "ada")
    world.mailer = Postbox(says(Verdict.UNSURE))
    world.playbook("wish", WISH)
    world.ticks("2026-05-04 09:00", "2026-05-04 09:05", "2026-05-04 09:10", "2026-05-04 09:15")
    assert len(world.mailer.addresses) == 2, "once more, not every five minutes"


def test_what_is_sent_again_waits_for_nobody_and_still_counts_for_the_caps(world_with: Callable[[str], World]) -> None:
    world = world_with("on_unsure: resend\ncaps: {per_day: 1}")
    born(world, "ada")
    world.playbook("a", WISH)
    world.mailer = Postbox(says(Verdict.UNSURE))
    world.tick("2026-05-04 09:00")
    world.mailer = Postbox(says(Verdict.REFUSED))
    world.tick("2026-05-04 09:05")
    assert sorted(state for (state,) in world.rows(sa.select(sends.c.state))) == ["refused", "unsure"]
    world.playbook("b", WISH)
    ticked = world.tick("2026-05-04 09:10")
    assert (ticked.waiting, decisions.unsure(world.app, None, None)) == ([], [])
    assert world.why("ada")[-1] == "hello: held, cap: 1 a day"


def test_a_letter_is_resent_by_the_rule_however_late_it_is_by_then(world_with: Callable[[str], World]) -> None:
    world = world_with("on_unsure: resend")
    born(world, "ada")
    world.mailer = Postbox(says(Verdict.UNSURE))
    world.playbook("wish", WISH)
    world.ticks("2026-05-04 09:00", "2026-05-09 09:00")
    assert len(world.mailer.addresses) == 2


class _PulledPlug(BaseException):
    """As a process ends that nobody asked."""


def test_whoever_dies_while_handing_over_leaves_it_unsure(each_world: World) -> None:
    born(each_world, "ada")
    each_world.mailer = Postbox(raises(_PulledPlug()))
    each_world.playbook("wish", WISH)
    with pytest.raises(_PulledPlug):
        each_world.tick("2026-05-04 09:00")
    each_world.mailer = Postbox()
    each_world.reopen()
    each_world.ticks("2026-05-04 09:05", "2026-05-04 09:10")
    assert each_world.mailer.mailings == []
    assert states(each_world) == {"ada": "unsure"}


def test_a_mailer_that_recognises_a_letter_gets_it_again(each_world: World) -> None:
    born(each_world, "ada")
    first = Postbox(raises(_PulledPlug()), idempotent=True)
    each_world.mailer = first
    each_world.playbook("wish", WISH)
    with pytest.raises(_PulledPlug):
        each_world.tick("2026-05-04 09:00")
    again = each_world.mailer = Postbox(idempotent=True)
    each_world.reopen()
    each_world.tick("2026-05-04 09:05")
    assert [m.letters[0].send_id for m in again.mailings] == [m.letters[0].send_id for m in first.mailings]
    assert states(each_world) == {"ada": "accepted"}


def test_a_mailing_of_hundreds_is_claimed_in_short_transactions(world: World) -> None:
    world.people(*(f"p{number}" for number in range(300)), **BORN)
    world.playbook("wish", f"{WISH}\nbrake: {{people: 500, share: 100%}}")
    claimed: list[int] = []

    def count(mailing: Mailing) -> Sequence[Outcome]:
        together = sa.select(sa.func.count()).select_from(sends).group_by(sends.c.handed_at)
        claimed.extend(row[0] for row in world.rows(together))
        return all_of(mailing, Verdict.ACCEPTED)

    world.mailer = Postbox(count)
    world.tick("2026-05-04 09:00")
    assert [len(mailing.letters) for mailing in world.mailer.mailings] == [300]
    assert sorted(claimed) == [50, 250]
    assert len(world.got()) == 300


def test_two_people_at_one_address_share_its_cap(world_with: Callable[[str], World]) -> None:
    world = world_with("caps: {per_day: 1}")
    for name in ("ada", "bob"):
        world.person(name, email="family@x.example", timezone=None, **BORN)
    world.playbook("wish", WISH)
    world.tick("2026-05-04 09:00")
    assert world.mailer.addresses == ["family@x.example"]


def test_caps_count_what_is_unsure(world_with: Callable[[str], World]) -> None:
    world = world_with("caps: {per_day: 1}")
    born(world, "ada")
    world.playbook("a", WISH)
    world.playbook("b", WISH)
    world.mailer = Postbox(says(Verdict.UNSURE))
    world.ticks("2026-05-04 09:00", "2026-05-04 09:05")
    assert world.why("ada")[-1] == "hello: held, cap: 1 a day"


def test_caps_do_not_count_what_was_refused(world_with: Callable[[str], World]) -> None:
    world = world_with("caps: {per_day: 1}")
    born(world, "ada", "bob")
    world.playbook("a", WISH)
    world.playbook("b", WISH)
    world.mailer = Postbox(says(Verdict.REFUSED, "ada"))
    world.tick("2026-05-04 09:00")
    assert sorted(world.mailer.addresses) == ["ada@x.example", "ada@x.example", "bob@x.example"]


def test_a_cap_that_defers_lets_the_letter_go_the_next_day(world_with: Callable[[str], World]) -> None:
    world = world_with("caps: {per_day: 1, when_over: defer}")
    born(world, "ada")
    world.playbook("a", WISH)
    world.playbook("b", WISH)
    got = world.ticks("2026-05-04 09:00", "2026-05-04 23:55", "2026-05-05 00:00", "2026-05-05 00:05")
    assert [(letter.playbook, letter.at) for letter in got] == [
        ("a", utc("2026-05-04 09:00")),
        ("b", utc("2026-05-05 00:00")),
    ]


def test_an_edited_playbook_keeps_those_inside_on_their_version(each_world: World) -> None:
    born(each_world, "ada")
    each_world.playbook("wish", TWO)
    each_world.tick("2026-05-04 09:00")
    each_world.playbook("wish", TWO.replace("subject: Second", "subject: Another").replace("2 days", "9 days"))
    each_world.ticks("2026-05-04 09:05", "2026-05-06 09:00", "2026-05-14 09:00")
    assert [mailing.subject for mailing in each_world.mailer.mailings] == ["First", "Second"]


def test_a_template_that_is_gone_holds_its_letters_and_is_told_until_it_is_back(each_world: World) -> None:
    born(each_world, "ada")
    each_world.playbook("wish", TWO)
    each_world.tick("2026-05-04 09:00")
    hello = each_world.folder / "templates/email/hello.html"
    hello.rename(hello.with_stem("other"))
    each_world.playbook("wish", TWO.replace("email/hello", "email/other"))
    ticked = each_world.tick("2026-05-06 09:00")
    told = "template: there is no template 'email/hello'; did you mean 'email/other'?"
    assert (ticked.exit_code, ticked.waiting) == (ExitCode.PERSON, [f"wish: second waits; {told}"])
    assert each_world.why("ada")[-1] == f"second: held, {told}"
    hello.write_text(TEMPLATE)
    each_world.tick("2026-05-06 09:05")
    assert [mailing.subject for mailing in each_world.mailer.mailings] == ["First", "Second"]


def test_check_warns_of_a_template_that_only_an_older_version_names_while_people_are_inside(world: World) -> None:
    born(world, "ada", "bob")
    world.playbook("wish", TWO)
    world.tick("2026-05-04 09:00")
    version = world.rows(sa.select(playbook_versions.c.version))[0].version
    (world.folder / "templates/email/hello.html").unlink()
    world.write("templates/email/other.html", TEMPLATE)
    world.playbook("wish", TWO.replace("email/hello", "email/other"))
    checked = world.check()
    told = [warning for warning in checked.warnings if version in warning.message]
    assert checked.faults == ()
    assert {(warning.file, warning.message) for warning in told} == {
        (
            "playbooks/wish.yaml",
            f"version {version}, in which 2 people are still: there is no template 'email/hello'",
        )
    }


def test_a_template_that_stays_away_ends_its_letters_as_too_late(world: World) -> None:
    born(world, "ada")
    world.playbook("wish", TWO)
    world.tick("2026-05-04 09:00")
    (world.folder / "templates/email/hello.html").unlink()
    world.write("templates/email/other.html", "<p>Hi</p>{{ unsubscribe() }} {{ sender.address }}")
    world.playbook("wish", TWO.replace("email/hello", "email/other"))
    world.ticks("2026-05-06 09:00", "2026-05-10 09:00")
    assert world.why("ada")[-1] == "second: ended, too late: due since 2026-05-06, max_lateness is 3 days"


def test_people_in_a_version_that_cannot_be_read_are_counted_at_every_run(each_world: World) -> None:
    born(each_world, "ada", "bob")
    each_world.playbook("wish", TWO)
    each_world.tick("2026-05-04 09:00")
    each_world.do(playbook_versions.update().values(body={"name": "wish", "trigger": "of another time"}))
    each_world.playbook("wish", TWO + "description: new\n")
    ticked = each_world.tick("2026-05-05 09:00")
    (told,) = ticked.waiting
    assert ticked.exit_code is ExitCode.PERSON
    assert told.startswith("wish: 2 wait inside; version ")
    assert told.endswith("cannot be read any more: bring back the fields it names, or say on_edit: move")


def test_people_inside_a_broken_playbook_are_counted_at_every_run(world: World) -> None:
    born(world, "ada")
    world.playbook("wish", TWO)
    world.tick("2026-05-04 09:00")
    world.playbook("wish", "trigger: typo")
    ticked = world.tick("2026-05-05 09:00")
    assert ticked.exit_code is ExitCode.PERSON
    assert ticked.waiting == ["wish: 1 waits inside; playbooks/wish.yaml has faults: they go on when they are mended"]


@pytest.mark.parametrize(
    ("leave", "why"),
    [
        (
            lambda world: world.delete("wish"),
            "its file is not there any more: they go on when it is "
            "back, or with was: wish in the file that came in its place",
        ),
        (
            lambda world: world.playbook("wish", f"enabled: false\n{TWO}"),
            "it is disabled: they go on when it is enabled",
        ),
    ],
)
def test_people_inside_what_was_disabled_or_deleted_on_purpose_are_a_note(
    world: World, leave: Callable[[World], None], why: str
) -> None:
    born(world, "ada")
    world.playbook("wish", TWO)
    world.tick("2026-05-04 09:00")
    leave(world)
    ticked = world.tick("2026-05-05 09:00")
    assert (ticked.exit_code, ticked.waiting, ticked.notes) == (ExitCode.DONE, [], [f"wish: 1 waits inside; {why}"])


def test_people_inside_a_deleted_playbook_wait_and_go_on_when_it_is_back(world: World) -> None:
    born(world, "ada")
    world.playbook("wish", TWO)
    world.tick("2026-05-04 09:00")
    world.delete("wish")
    world.ticks("2026-05-06 09:00", "2026-05-06 12:00")
    assert set(world.inside().values()) == {"active"}
    world.playbook("wish", TWO)
    world.tick("2026-05-07 09:00")
    assert [mailing.subject for mailing in world.mailer.mailings] == ["First", "Second"]


def test_a_paused_playbook_writes_to_nobody_and_loses_nobody(each_world: World) -> None:
    born(each_world, "ada")
    each_world.person("new", birthday=date(1990, 5, 6))
    each_world.playbook("wish", TWO)
    each_world.tick("2026-05-04 09:00")
    decisions.pause(each_world.app, "wish")
    each_world.ticks("2026-05-06 09:00", "2026-05-06 12:00")
    assert each_world.who_got() == ["ada"]
    decisions.resume(each_world.app, "wish")
    each_world.tick("2026-05-07 09:00")
    assert sorted(each_world.who_got()) == ["ada", "ada", "new"]


def test_pausing_and_resuming_sends_nothing_twice(world: World) -> None:
    born(world, "ada", "bob")
    world.playbook("wish", WISH)
    world.tick("2026-05-04 09:00")
    for hour in range(10, 14):
        decisions.pause(world.app, None)
        world.tick(f"2026-05-04 {hour}:00")
        decisions.resume(world.app, None)
        world.tick(f"2026-05-04 {hour}:30")
    assert len(world.mailer.addresses) == 2


def test_a_letter_that_cannot_be_rendered_for_one_concerns_only_that_one(world: World) -> None:
    born(world, "ada", country="PL")
    born(world, "bob", country="XX")
    world.write(
        "templates/email/hello.html",
        "{{ 1 / (0 if contact.country == 'XX' else 1) }}{{ unsubscribe() }} {{ sender.address }}",
    )
    world.playbook("wish", WISH)
    world.tick("2026-05-04 09:00")
    assert states(world) == {"ada": "accepted", "bob": "refused"}
    assert "templates/email/hello.html:1: " in world.why("bob")[0]


def test_a_task_that_cannot_be_worded_for_one_concerns_only_that_one(each_world: World) -> None:
    born(each_world, "ada", country="PL")
    born(each_world, "bob", country="XX")
    each_world.playbook(
        "call",
        f"{WISH}\nactions:\n"
        "  - create_task: {id: call, subject: \"{{ 1 / (0 if contact.country == 'XX' else 1) }}\"}",
    )
    each_world.tick("2026-05-04 09:00")
    assert each_world.why("ada")[0].startswith("call: done")
    assert each_world.why("bob")[0].startswith("call: failed, template: ")


def test_a_no_between_entering_and_sending_is_heeded(world_with: Callable[[str], World]) -> None:
    world = world_with("quiet_hours: {from: '20:00', to: '10:00'}")
    born(world, "ada", "bob")
    world.playbook("wish", WISH)
    world.tick("2026-05-04 09:00")
    world.person("ada", opted_out=True, **BORN)
    world.tick("2026-05-04 10:00")
    assert world.who_got() == ["bob"]
    assert world.why("ada") == ["hello: ended, opted out in the CRM on 2026-05-04"]


def test_a_bounced_address_gets_no_service_mail_whatever_else_was_said_before(world: World) -> None:
    born(world, "ada")
    decisions.suppress(world.app, "ada@x.example")
    world.person("ada", opted_out=True, **BORN)
    world.playbook(
        "notice", f"{WISH}\nactions:\n  - send_email: {{template: email/hello, subject: Hi, purpose: service}}"
    )
    world.tick("2026-05-04 09:00")
    assert world.who_got() == []


def test_letters_wait_for_the_morning_of_each_zone(world_with: Callable[[str], World]) -> None:
    world = world_with("quiet_hours: {from: '20:00', to: '08:00'}")
    world.person("east", timezone="Asia/Tokyo")
    world.person("west", timezone="America/New_York")
    world.playbook("sorry", "trigger: {low_score: {}}")
    world.tick("2026-05-04 00:00")
    world.now = utc("2026-05-04 12:00")
    world.answer("east", 1, utc("2026-05-04 11:59"))
    world.answer("west", 1, utc("2026-05-04 11:59"))
    got = world.ticks("2026-05-04 12:00", "2026-05-04 22:59", "2026-05-04 23:00")
    assert [(letter.who, letter.at) for letter in got] == [
        ("west", utc("2026-05-04 12:00")),
        ("east", utc("2026-05-04 23:00")),
    ]


def test_waits_do_not_drift_with_late_ticks(world: World) -> None:
    born(world, "ada")
    world.playbook("wish", TWO.replace("  - wait: 2 days\n", "  - wait: 2 days\n  - wait: 2 days\n"))
    world.ticks("2026-05-04 09:00", "2026-05-06 20:00", "2026-05-08 09:00")
    assert [letter.at for letter in world.got()] == [utc("2026-05-04 09:00"), utc("2026-05-08 09:00")]


def test_a_letter_whose_time_is_long_past_is_not_sent_any_more(world: World) -> None:
    born(world, "ada")
    world.playbook("wish", TWO)
    world.ticks("2026-05-04 09:00", "2026-06-20 09:00")
    assert world.why("ada")[-1] == "second: ended, too late: due since 2026-05-06, max_lateness is 3 days"


def test_an_order_after_entering_ends_what_was_meant_to_bring_it(each_world: World) -> None:
    born(each_world, "ada", "bob")
    each_world.playbook("wish", TWO + "goal: {event: order, within: 60 days}\n")
    each_world.tick("2026-05-04 09:00")
    each_world.now = utc("2026-05-05 10:00")
    each_world.order("ada", utc("2026-05-05 09:00"))
    each_world.ticks("2026-05-06 09:00")
    assert sorted(each_world.who_got()) == ["ada", "bob", "bob"]
    assert each_world.why("ada")[-1] == "wait-1: ended, goal reached: an order on 2026-05-05"


def test_a_pause_without_a_name_stops_everything_and_what_comes_later(each_world: World) -> None:
    born(each_world, "ada")
    each_world.playbook("wish", TWO)
    each_world.tick("2026-05-04 09:00")
    decisions.pause(each_world.app, None)
    each_world.playbook("new", WISH)
    told = each_world.tick("2026-05-06 09:00")
    assert each_world.plan("2026-05-06 10:00") == []
    assert (each_world.mailer.addresses, list(each_world.inside())) == (["ada@x.example"], ["ada birthday 2026"])
    words = "everything is paused since 2026-05-04: nobody enters, nothing is sent; `regulars resume` lifts it"
    assert told.waiting == [words]
    assert words in [finding.message for finding in examine(each_world.app).checks]
    assert each_world.explain("ada", "new").reason == "everything is paused since 2026-05-04 09:00"
    assert decisions.resume(each_world.app, None) == []
    each_world.tick("2026-05-06 11:00")
    assert len(each_world.mailer.addresses) == 3


def test_what_is_paused_by_name_stays_so_when_everything_is_resumed(each_world: World) -> None:
    born(each_world, "ada")
    each_world.playbook("wish", TWO)
    each_world.tick("2026-05-04 09:00")
    decisions.pause(each_world.app, "wish")
    decisions.pause(each_world.app, None)
    assert decisions.resume(each_world.app, None) == ["wish"]
    each_world.tick("2026-05-06 09:00")
    assert len(each_world.mailer.addresses) == 1


def test_a_delivery_under_way_claims_nothing_more_once_everything_is_paused(each_world: World) -> None:
    def pull(mailing: Mailing) -> list[Outcome]:
        decisions.pause(each_world.app, None)
        return all_of(mailing, Verdict.ACCEPTED)

    born(each_world, "ada")
    each_world.playbook("first", WISH)
    each_world.playbook("second", WISH)
    each_world.mailer = Postbox(pull)
    each_world.tick("2026-05-04 09:00")
    assert len(each_world.mailer.addresses) == 1
