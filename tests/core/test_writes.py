"""Webhooks, mails to colleagues, notes and fields: claimed first, handed over, settled, as mails are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.base import MailEvent, MailEventKind, Mailing, Outcome, Verdict
from connectors.hooks.webhook import Hooks
from runner import collect
from runner.app import decisions
from runner.app.doctor import examine
from runner.errors import ExitCode
from runner.store.tables import suppressions, writes
from tests.core.world import Postbox, World, all_of, utc
from tests.loopback.hooks import LoopbackHooks

BORN = {"birthday": date(1990, 5, 4)}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DAY = "2026-05-04 09:00"
WISH = "trigger: {anniversary: {of: contact.birthday}}"
THEN = "  - send_email: {id: after, template: email/hello, subject: After}\n"


@pytest.fixture
def receiver() -> Iterator[LoopbackHooks]:
    with LoopbackHooks() as running:
        yield running


@pytest.fixture
def hooked(database: str, tmp_path: Path, receiver: LoopbackHooks) -> Iterator[World]:
    """A world whose settings name the receiver `crm`, and `chat` as one that takes Slack's messages."""
    with closing(World(tmp_path, database, hooks(receiver))) as world:
        yield world


@pytest.fixture
def one(sqlite_url: str, tmp_path: Path, receiver: LoopbackHooks) -> Iterator[World]:
    """The same, on SQLite alone."""
    with closing(World(tmp_path, sqlite_url, hooks(receiver))) as world:
        yield world


def hooks(receiver: LoopbackHooks) -> str:
    return f"""\
webhooks:
  crm: {{url: "{receiver.url}", secret: {SECRET}, allow_private: true}}
  chat: {{url: "{receiver.url}", allow_private: true, style: slack}}
  far: https://crm.example/in
"""


def step(text: str, more: str = THEN, head: str = WISH) -> str:
    return f"{head}\nactions:\n  - {text}\n{more}"


def states(world: World) -> list[str]:
    return [row.state for row in world.rows(sa.select(writes.c.state).order_by(writes.c.id))]


class _PulledPlug(BaseException):
    """As a process ends that nobody asked."""


# Webhooks

POST = "webhook: {id: tell, url: crm, body: {team: care, age: '{{ days_since(contact.birthday) // 365 }}'}}"


def test_a_webhook_tells_who_and_why_and_is_signed(hooked: World, receiver: LoopbackHooks) -> None:
    hooked.person("ada", first_name="Ada", **BORN)
    hooked.playbook("wish", step(POST))
    assert hooked.tick(DAY).exit_code is ExitCode.DONE
    (message,) = receiver.taken
    assert message.is_signed_with(SECRET)
    assert message.document == {
        "type": "step.webhook",
        "timestamp": "2026-05-04T09:00:00Z",
        "data": {
            "playbook": "wish",
            "occasion": "birthday 2026",
            "step": "tell",
            "contact": {
                "id": 1,
                "source_id": "ada",
                "email": "ada@x.example",
                "first_name": "Ada",
                "last_name": None,
            },
            "body": {"team": "care", "age": 36},
        },
    }


def test_a_webhook_is_posted_once_and_the_next_step_follows(hooked: World, receiver: LoopbackHooks) -> None:
    hooked.people("ada", "bob", **BORN)
    hooked.playbook("wish", step(POST))
    hooked.ticks(DAY, "2026-05-04 09:05", "2026-05-05 09:00")
    assert len(receiver.taken) == 2
    assert sorted(hooked.who_got()) == ["ada", "bob"]
    assert hooked.why("ada")[0] == "tell: done, 36 years since birthday 1990-05-04; webhook to crm"
    assert states(hooked) == ["accepted", "accepted"]


def test_a_receiver_that_is_away_gets_it_later_just_as_it_was(hooked: World, receiver: LoopbackHooks) -> None:
    hooked.person("ada", first_name="Ada", **BORN)
    hooked.playbook("wish", step("webhook: {id: tell, url: crm, body: {name: '{{ contact.first_name }}'}}"))
    receiver.answers += ["403"] * 2
    assert hooked.tick(DAY).exit_code is ExitCode.OUTSIDE
    assert hooked.why("ada") == ["tell: held, came back: 403 said 403"]
    hooked.person("ada", first_name="Augusta", **BORN)
    hooked.ticks("2026-05-04 09:05", "2026-05-04 09:08", "2026-05-04 09:10", "2026-05-04 09:15")
    assert len({message.id for message in receiver.received}) == 1
    assert {message.body for message in receiver.received} == {receiver.received[0].body}
    assert (len(receiver.received), len(receiver.taken)) == (3, 1)
    assert states(hooked) == ["accepted"]


def test_the_pauses_between_tries_grow(one: World, receiver: LoopbackHooks) -> None:
    one.person("ada", **BORN)
    one.playbook("wish", step(POST))
    receiver.answers += ["403"] * 99
    tried: list[str] = []
    # Every five minutes of the first hour; of each later try the moment, and five minutes before it.
    later = (minute - early for minute in (160, 460, 1060) for early in (5, 0))
    for minute in (*range(0, 60, 5), *later):
        at, before = utc(DAY) + timedelta(minutes=minute), len(receiver.received)
        one.tick(at)
        tried += [f"{at:%H:%M}"] if len(receiver.received) > before else []
    assert tried == ["09:00", "09:05", "09:10", "09:40", "11:40", "16:40", "02:40"]


def test_after_max_lateness_it_is_given_up_and_the_next_step_follows(one: World, receiver: LoopbackHooks) -> None:
    one.person("ada", **BORN)
    one.playbook("wish", step(POST, head=f"{WISH}\nmax_lateness: 1 hour"))
    receiver.answers += ["403"] * 99
    one.ticks(*(f"2026-05-04 {hour:02}:{minute:02}" for hour in (9, 10, 11) for minute in range(0, 60, 5)))
    assert one.why("ada")[0] == "tell: failed, gave up after 4 tries: 403 said 403"
    assert (states(one), one.who_got()) == (["refused"], ["ada"])


def test_a_receiver_that_fails_is_left_alone_until_the_next_tick_and_keeps_nobody_else(
    one: World, receiver: LoopbackHooks
) -> None:
    one.people(*(f"p{number}" for number in range(40)), **BORN)
    one.playbook("a", step(POST))
    one.playbook("b", WISH)
    receiver.answers += ["403"] * 200
    ticked = one.tick(DAY)
    assert ticked.failures == ["webhook crm: 403 said 403"]
    assert len(receiver.received) <= 8
    assert len(one.who_got()) == 40


def test_a_message_that_is_refused_fails_and_the_next_step_follows(one: World, receiver: LoopbackHooks) -> None:
    one.person("ada", **BORN)
    one.playbook("wish", step(POST))
    receiver.answers.append("410")
    assert one.tick(DAY).exit_code is ExitCode.DONE
    assert one.why("ada")[0] == "tell: failed, refused: 410 said 410"
    assert one.who_got() == ["ada"]


class _Dying(Hooks):
    """Posts, and does not live to tell."""

    def post(self, *told: Any, **more: Any) -> Outcome:
        super().post(*told, **more)
        raise _PulledPlug


def test_whoever_dies_while_posting_posts_again_under_the_same_id(hooked: World, receiver: LoopbackHooks) -> None:
    hooked.person("ada", **BORN)
    hooked.playbook("wish", step(POST))
    hooked.app.__dict__["hooks"] = _Dying()
    with pytest.raises(_PulledPlug):
        hooked.tick(DAY)
    hooked.reopen()
    assert hooked.tick("2026-05-04 09:05").exit_code is ExitCode.DONE
    first, second = receiver.taken
    assert (first.id, first.body) == (second.id, second.body)
    assert states(hooked) == ["accepted"]


def _dies(*_: Any) -> Any:
    raise _PulledPlug


def test_who_has_reached_the_goal_meanwhile_is_not_told_of(one: World, receiver: LoopbackHooks) -> None:
    one.person("ada", **BORN)
    one.playbook("wish", step(POST, head=f"{WISH}\ngoal: {{event: order}}"))
    receiver.answers.append("403")
    one.tick(DAY)
    one.now = utc("2026-05-04 09:05")
    one.order("ada", utc("2026-05-04 09:04"))
    one.tick("2026-05-04 09:10")
    assert (len(receiver.received), states(one)) == (1, ["refused"])


def test_a_webhook_whose_name_is_gone_waits_for_it(one: World, receiver: LoopbackHooks) -> None:
    one.person("ada", **BORN)
    one.playbook("wish", step(POST))
    receiver.answers.append("403")
    one.tick(DAY)
    settings = (one.folder / "regulars.yaml").read_text()
    one.write("regulars.yaml", settings.replace("  crm:", "  crm2:"))
    one.playbook("wish", step(POST.replace("url: crm", "url: crm2")))
    one.reopen()
    ticked = one.tick("2026-05-04 09:05")
    assert one.why("ada") == ["tell: held, came back: there is no webhook 'crm' in the settings any more"]
    assert ticked.waiting == []
    one.write("regulars.yaml", settings)
    one.playbook("wish", step(POST))
    one.reopen()
    one.tick("2026-05-04 10:00")
    assert states(one) == ["accepted"]


def test_a_rehearsal_calls_nobody_outside(one: World) -> None:
    one.person("ada", **BORN)
    one.playbook("wish", step("webhook: {id: tell, url: far}"))
    planned = [(row.step, row.status, row.reason) for row in one.plan(DAY)]
    one.tick(DAY)
    assert planned[0] == ("tell", "skip", "a rehearsal: no message leaves this machine")
    assert one.why("ada")[0] == "tell: skipped, a rehearsal: no message leaves this machine"
    assert (states(one), one.who_got()) == ([], ["ada"])


def test_a_body_that_cannot_be_worded_for_one_concerns_only_that_one(one: World, receiver: LoopbackHooks) -> None:
    one.person("ada", country="PL", **BORN)
    one.person("bob", country="XX", **BORN)
    one.playbook("wish", step("webhook: {url: crm, body: {n: \"{{ 1 / (0 if contact.country == 'XX' else 1) }}\"}}"))
    one.tick(DAY)
    assert len(receiver.taken) == 1
    assert one.why("bob")[0].startswith("webhook-1: failed, template: ")


# Mails to colleagues, and chats

TELL = "notify: {id: tell, subject: 'At risk: {{ contact.first_name }}', body: 'Call <{{ contact.email }}>'}"


def mails(world: World) -> list[tuple[str, str, str]]:
    return [
        (mailing.letters[0].to.email, mailing.subject, mailing.text)
        for mailing in world.mailer.mailings
        if mailing.subject != "After"
    ]


def test_the_contact_s_owner_is_told(hooked: World) -> None:
    hooked.person("ada", first_name="Ada", owner="kim@acme.example", **BORN)
    hooked.playbook("wish", step(TELL))
    hooked.tick(DAY)
    assert mails(hooked) == [("kim@acme.example", "At risk: Ada", "Call <ada@x.example>")]
    (mailing, _) = hooked.mailer.mailings
    assert "<p>Call &lt;ada@x.example&gt;</p>" in mailing.html
    assert mailing.letters[0].headers == {}


@pytest.mark.parametrize("owner", ["Kim", None])
def test_where_the_contact_s_owner_has_no_address_the_playbook_s_is_told(one: World, owner: str | None) -> None:
    one.person("ada", first_name="Ada", owner=owner, **BORN)
    one.playbook("wish", step(TELL, head=f"{WISH}\nowner: care@acme.example"))
    one.tick(DAY)
    assert mails(one)[0][0] == "care@acme.example"


def test_without_anybody_to_tell_it_says_so(one: World) -> None:
    one.person("ada", **BORN)
    one.playbook("wish", step(TELL))
    one.tick(DAY)
    told = "tell: skipped, nobody to tell: neither the contact nor the playbook has an owner with an address"
    assert one.why("ada")[0] == told


def test_the_contact_is_never_told(one: World) -> None:
    one.person("ada", owner="Ada@X.example", **BORN)
    one.playbook("wish", step(TELL))
    one.tick(DAY)
    assert mails(one) == []
    assert one.why("ada")[0] == "tell: skipped, the address to tell is the contact's own"


@pytest.mark.parametrize(("reason", "told"), [("bounced", False), ("complained", False), ("unsubscribed", True)])
def test_an_address_that_bounced_is_not_told_one_that_wants_no_marketing_is(
    hooked: World, reason: str, told: bool
) -> None:
    hooked.person("ada", owner="kim@acme.example", **BORN)
    hooked.playbook("wish", step(TELL))
    hooked.do(suppressions.insert().values(address="kim@acme.example", reason=reason, source="x", at=utc(DAY)))
    hooked.tick(DAY)
    assert bool(mails(hooked)) is told


def test_who_may_not_be_written_to_may_be_told_of(world_with: Callable[[str], World]) -> None:
    world = world_with("caps: {per_day: 1}\nquiet_hours: {from: '08:00', to: '20:00'}")
    world.person("ada", opted_out=True, owner="kim@acme.example", **BORN)
    world.playbook("wish", step(TELL))
    world.tick(DAY)
    assert len(mails(world)) == 1


def test_a_mail_to_a_colleague_counts_for_nobody_s_cap(world_with: Callable[[str], World]) -> None:
    world = world_with("caps: {per_day: 1}")
    world.person("ada", owner="kim@acme.example", **BORN)
    world.playbook(
        "wish", step(TELL, TELL.replace("id: tell", "id: again").replace("notify", "  - notify") + "\n" + THEN)
    )
    world.tick(DAY)
    assert (len(mails(world)), world.who_got()) == (2, ["ada"])


def test_in_staging_only_the_addresses_named_are_told(world_with: Callable[[str], World]) -> None:
    world = world_with("")
    text = (world.folder / "regulars.yaml").read_text()
    world.write("regulars.yaml", text.replace("type: outbox", "type: outbox, only_to: [me@acme.example]"))
    world.reopen()
    world.person("ada", owner="kim@acme.example", **BORN)
    world.person("bob", owner="me@acme.example", **BORN)
    world.playbook("wish", step(TELL))
    world.tick(DAY)
    assert [address for address, *_ in mails(world)] == ["me@acme.example"]


def test_a_chat_is_told_as_chats_want_it(one: World, receiver: LoopbackHooks) -> None:
    one.person("ada", first_name="Ada", **BORN)
    one.playbook("wish", step("notify: {to: chat, subject: 'At risk: {{ contact.first_name }}', body: Call}"))
    one.tick(DAY)
    assert receiver.taken[0].document == {"text": "*At risk: Ada*\nCall"}


def test_a_webhook_by_name_is_told_in_full(one: World, receiver: LoopbackHooks) -> None:
    one.person("ada", first_name="Ada", **BORN)
    one.playbook("wish", step("notify: {to: crm, subject: 'At risk: {{ contact.first_name }}', body: Call}"))
    one.tick(DAY)
    document = receiver.taken[0].document
    assert (document["type"], document["data"]["subject"], document["data"]["body"]) == (
        "step.notify",
        "At risk: Ada",
        "Call",
    )


@pytest.mark.parametrize(("verb", "letters"), [("sent", 0), ("drop", 0), ("resend", 1)])
def test_what_a_colleague_may_have_got_waits_for_a_person(hooked: World, verb: str, letters: int) -> None:
    hooked.person("ada", owner="kim@acme.example", **BORN)
    hooked.mailer = Postbox(_in_doubt)
    hooked.playbook("wish", step(TELL))
    assert hooked.tick(DAY).exit_code is ExitCode.OUTSIDE
    (listed,) = decisions.unsure(hooked.app, None, None)
    assert (listed["step"], listed["address"]) == ("tell", "kim@acme.example")
    hooked.mailer = Postbox()
    ticked = hooked.tick("2026-05-04 09:05")
    assert (ticked.exit_code, ticked.waiting) == (ExitCode.PERSON, ["1 send is unsure; `regulars settle` lists them"])
    assert decisions.settle(hooked.app, None, "wish", verb) == 1
    hooked.tick("2026-05-04 09:10")
    assert (len(mails(hooked)), hooked.who_got()) == (letters, ["ada"])


def _in_doubt(mailing: Mailing) -> list[Outcome]:
    return all_of(mailing, Verdict.UNSURE, "the answer was lost")


def test_a_chat_that_may_have_got_it_waits_for_a_person(one: World, receiver: LoopbackHooks) -> None:
    one.person("ada", **BORN)
    one.playbook("wish", step("notify: {id: tell, to: chat, subject: A, body: B}"))
    receiver.answers.append("drop after")
    one.tick(DAY)
    one.tick("2026-05-04 09:05")
    assert (len(receiver.taken), states(one)) == (1, ["unsure"])
    assert one.why("ada")[0].startswith("tell: unsure, nobody knows whether it arrived: no answer")


def test_whoever_dies_while_a_colleague_is_told_leaves_it_unsure(hooked: World) -> None:
    hooked.person("ada", owner="kim@acme.example", **BORN)
    hooked.mailer = Postbox(_dies)
    hooked.playbook("wish", step(TELL))
    with pytest.raises(_PulledPlug):
        hooked.tick(DAY)
    hooked.mailer = Postbox()
    hooked.reopen()
    hooked.ticks("2026-05-04 09:05", "2026-05-04 09:10")
    assert (mails(hooked), states(hooked)) == ([], ["unsure"])


# Notes


def test_a_note_is_kept_and_told_in_the_log(hooked: World) -> None:
    hooked.person("ada", first_name="Ada", **BORN)
    hooked.playbook("wish", step("add_note: {id: note, body: '{{ contact.first_name }} turned 36'}"))
    hooked.ticks(DAY, "2026-05-04 09:05")
    row = hooked.log("ada")[0]
    assert row.reason == ("36 years since birthday 1990-05-04; note: {{ contact.first_name }} turned 36")
    assert row.write is not None
    assert (row.write.kind, row.write.state, row.write.payload) == ("note", "accepted", {"body": "Ada turned 36"})
    assert hooked.explain("ada", "wish").decisions[0].write == row.write


CALL = {
    "subject": "Call",
    "body": None,
    "owner": None,
    "priority": "normal",
    "due_at": "2026-05-05T09:00:00+00:00",
}


@pytest.mark.parametrize(
    ("action", "kind", "payload"),
    [
        ("add_note: {body: Hello}", "note", {"body": "Hello"}),
        ("create_task: {subject: Call}", "task", CALL),
        ("update_contact: {set: {lifecycle_stage: vip}}", "property", {"fields": {"lifecycle_stage": "vip"}}),
    ],
)
def test_what_a_crm_is_to_be_told_waits_for_it(
    database: str, tmp_path: Path, action: str, kind: str, payload: dict[str, Any]
) -> None:
    crm = 'connectors: {crm: {type: hubspot, token: x, base_url: "http://127.0.0.1:9"}}'
    with closing(World(tmp_path, database, crm)) as world:
        world.app.__dict__["sources"] = {}
        world.person("ada", **BORN)
        world.playbook("wish", step(action))
        world.ticks(DAY, "2026-05-04 09:05", "2026-05-05 09:00")
        (row,) = world.rows(sa.select(writes))
        assert (row.kind, row.target, row.state, row.payload) == (kind, "crm", "waiting", payload)
        assert world.log("ada")[0].status == "done"


def test_the_doctor_tells_how_much_waits_for_a_crm(tmp_path: Path, sqlite_url: str) -> None:
    crm = 'connectors: {crm: {type: hubspot, token: x, base_url: "http://127.0.0.1:9"}}'
    with closing(World(tmp_path, sqlite_url, crm)) as world:
        world.app.__dict__["sources"] = {}
        world.person("ada", **BORN)
        world.playbook("wish", step("add_note: {body: Hello}"))
        world.tick(DAY)
        found = {finding.name: finding.message for finding in examine(world.app).checks}
        assert found["CRM"] == "1 notes, fields and tasks wait for their CRM"


def test_an_event_proves_that_a_colleague_was_told(hooked: World) -> None:
    hooked.person("ada", owner="kim@acme.example", **BORN)
    hooked.mailer = Postbox(_in_doubt)
    hooked.playbook("wish", step(TELL))
    hooked.tick(DAY)
    (listed,) = decisions.unsure(hooked.app, None, None)
    hooked.mailer = Postbox()
    told = MailEvent("e-1", listed["id"], MailEventKind.DELIVERED, utc(DAY))
    collect.events(hooked.store, "outbox", [told], utc(DAY))
    hooked.tick("2026-05-04 09:05")
    assert (states(hooked), hooked.who_got()) == (["accepted"], ["ada"])
    assert hooked.why("ada")[0] == "tell: done, accepted: the provider told of it"
