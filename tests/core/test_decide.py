"""What is done about one person's next step: the same facts, the same decision, with its reason."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from runner import clock
from runner.circumstances import Circumstances, Due, Mailed, Passage
from runner.conditions.fields import known_fields
from runner.decide import Decision, Do, End, Hold, Skip, decide, quiet_until
from runner.playbook import Playbook, assemble
from runner.settings import QuietHours
from runner.yaml_file import YamlFile
from tests.sync.saying import settings

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday
ADA = {
    "id": 1, "email": "Ada@x.example", "address": "ada@x.example", "zone": "UTC", "opted_out": None, "is_test": None,
    "deleted_at": None, "merged_into": None,
}  # fmt: skip
NIGHT = {"from": "20:00", "to": "08:00"}
MAIL = {"send_email": {"id": "hello", "template": "email/hello", "subject": "Hello"}}


def playbook(step: dict[str, Any], **keys: Any) -> Playbook:
    document = {"name": "p", "trigger": "anniversary", "actions": [step], **keys}
    found = assemble(YamlFile("p.yaml", document), "p", known_fields(None))
    assert found.playbook is not None, found.faults
    return found.playbook


def decided(
    step: dict[str, Any] = MAIL,
    *,
    facts: dict[str, Any] | None = None,
    contact: dict[str, Any] | None = None,
    rules: dict[str, Any] | None = None,
    mailed: Mailed | None = None,
    now: datetime = NOON,
    since: datetime = NOON,
    **keys: Any,
) -> Decision:
    book = playbook(step, **keys)
    due = Due(
        1, 1, "customer_since 2026", date(2026, 3, 4), {"of": "2024-03-04"}, "treated", "hello", 0, since, since, since
    )
    circumstances = Circumstances(contact={**ADA, **(contact or {})}, **(facts or {}))
    return decide(due, book, book.steps[0], circumstances, mailed or Mailed(), now, settings(**(rules or {})))


def service(**more: Any) -> dict[str, Any]:
    return {"send_email": {**MAIL["send_email"], "purpose": "service", **more}}


def letters(*written: str) -> Mailed:
    mailed = Mailed()
    for day in written:
        mailed.add("ada@x.example", date.fromisoformat(day), survey=False)
    return mailed


def test_what_nothing_speaks_against_is_done_for_the_triggers_reason() -> None:
    assert decided() == Do("2 years since customer_since 2024-03-04")


@pytest.mark.parametrize(
    ("contact", "facts", "rules", "decision"),
    [
        ({"deleted_at": NOON}, {}, {}, End("the contact was deleted")),
        (
            {},
            {"passage": Passage(rival=2)},
            {},
            End("the same occasion as contact 2, who is the same person by a merge"),
        ),
        ({}, {"suppressed": ("unsubscribed", NOON)}, {}, End("unsubscribed on 2026-03-04")),
        ({}, {"suppressed": ("complained", NOON)}, {}, End("marked our mail as spam on 2026-03-04")),
        ({}, {"suppressed": ("bounced", NOON)}, {}, End("the address bounced on 2026-03-04")),
        ({}, {"suppressed": ("crm", NOON)}, {}, End("opted out in the CRM on 2026-03-04")),
        ({}, {"suppressed": ("manual", NOON)}, {}, End("suppressed by hand on 2026-03-04")),
        ({"opted_out": True}, {}, {}, End("opted out in the CRM")),
        ({"opted_out": False}, {}, {}, Do("2 years since customer_since 2024-03-04")),
        ({"address": None}, {}, {}, Skip("no valid address: 'Ada@x.example'")),
        ({"address": None, "email": None}, {}, {}, Skip("no address")),
        ({"is_test": True}, {}, {}, Skip("a test contact")),
        ({}, {"consent": "no"}, {}, End("said no to this topic")),
        ({}, {"consent": "unknown"}, {"consent": "assumed"}, Do("2 years since customer_since 2024-03-04")),
        ({}, {"consent": "unknown"}, {"consent": "required"}, Skip("no consent on record; consent: required")),
        ({}, {"consent": "yes"}, {"consent": "required"}, Do("2 years since customer_since 2024-03-04")),
    ],
)
def test_nobody_is_written_to_who_may_not_be(
    contact: dict[str, Any], facts: dict[str, Any], rules: dict[str, Any], decision: Decision
) -> None:
    assert decided(contact=contact, facts=facts, rules=rules) == decision


@pytest.mark.parametrize(
    ("facts", "goes_out"),
    [
        ({"suppressed": ("unsubscribed", NOON)}, True),
        ({"suppressed": ("crm", NOON)}, True),
        ({"consent": "no"}, True),
        ({"suppressed": ("bounced", NOON)}, False),
        ({"suppressed": ("complained", NOON)}, False),
        ({"suppressed": ("manual", NOON)}, False),
    ],
)
def test_service_mail_heeds_no_marketing_no_but_every_other(facts: dict[str, Any], goes_out: bool) -> None:
    assert isinstance(decided(service(), facts=facts), Do) == goes_out


def test_service_mail_waits_for_no_quiet_hours_and_no_cap() -> None:
    rules = {"quiet_hours": {"from": "00:00", "to": "23:59"}, "caps": {"per_day": 1}, "consent": "required"}
    assert isinstance(decided(service(), rules=rules, mailed=letters("2026-03-04")), Do)


STRANGER = Skip("mail.only_to: this address is not among them")


@pytest.mark.parametrize("step", [MAIL, service()])
@pytest.mark.parametrize(
    ("only_to", "contact", "not_to"),
    [
        (["bob@x.example"], {}, STRANGER),
        ([], {}, STRANGER),
        (["bob@x.example", "ADA@X.Example"], {}, None),
        (["bob@x.example"], {"is_test": True}, None),
        (["bob@x.example"], {"is_test": True, "address": None, "email": None}, Skip("no address")),
        (None, {"is_test": True}, Skip("a test contact")),
        (None, {}, None),
    ],
)
def test_on_a_stage_mail_goes_to_those_named_and_test_contacts_only(
    step: dict[str, Any], only_to: list[str] | None, contact: dict[str, Any], not_to: Skip | None
) -> None:
    mail = {"type": "outbox"} if only_to is None else {"type": "outbox", "only_to": only_to}
    decision = decided(step, contact=contact, rules={"mail": mail})
    assert decision == (not_to or Do("2 years since customer_since 2024-03-04"))


def test_a_no_counts_on_a_stage_too() -> None:
    mail = {"type": "outbox", "only_to": ["ada@x.example"]}
    assert decided(facts={"consent": "no"}, rules={"mail": mail}) == End("said no to this topic")


def test_a_goal_reached_and_an_exit_end_it_whatever_the_step() -> None:
    goal, wait = {"goal": {"event": "order"}}, {"wait": "3 days"}
    reached = {"passage": Passage(goal_at=datetime(2026, 3, 3, 23, tzinfo=UTC))}
    warsaw = {"zone": "Europe/Warsaw"}
    assert decided(wait, facts=reached, contact=warsaw, **goal) == End("goal reached: an order on 2026-03-04")
    assert decided(wait, facts={"exits": True}, exit_when="contact.opted_out") == End("exit_when: contact.opted_out")


@pytest.mark.parametrize(
    ("now", "zone", "rules", "until"),
    [
        ("2026-03-04 19:59", "UTC", NIGHT, None),
        ("2026-03-04 20:00", "UTC", NIGHT, "2026-03-05 08:00"),
        ("2026-03-05 07:59", "UTC", NIGHT, "2026-03-05 08:00"),
        ("2026-03-05 08:00", "UTC", NIGHT, None),
        ("2026-03-04 12:00", "Pacific/Kiritimati", NIGHT, "2026-03-04 18:00"),
        ("2026-03-04 12:00", "Pacific/Pago_Pago", NIGHT, "2026-03-04 19:00"),
        ("2026-03-06 21:00", "UTC", {**NIGHT, "weekends": "quiet"}, "2026-03-09 08:00"),
        ("2026-03-07 12:00", "UTC", {**NIGHT, "weekends": "quiet"}, "2026-03-09 08:00"),
        ("2026-03-06 12:00", "Pacific/Kiritimati", {**NIGHT, "weekends": "quiet"}, "2026-03-08 18:00"),
        ("2026-03-07 12:00", "UTC", {**NIGHT, "weekends": "same"}, None),
        ("2026-03-07 12:00", "UTC", {"from": "00:00", "to": "09:00", "weekends": "quiet"}, "2026-03-09 09:00"),
        ("2026-03-04 12:30", "UTC", {"from": "12:00", "to": "14:00"}, "2026-03-04 14:00"),
        ("2026-03-28 23:00", "Europe/Warsaw", NIGHT, "2026-03-29 06:00"),  # the night that is an hour short
        ("2026-10-25 01:15", "Europe/Warsaw", {"from": "22:00", "to": "02:30"}, "2026-10-25 01:30"),  # 02:15 again
        ("2026-03-29 00:30", "Europe/Warsaw", {"from": "22:00", "to": "02:30"}, "2026-03-29 01:30"),  # no 02:30
    ],
)
def test_quiet_hours_are_those_of_the_contact(now: str, zone: str, rules: dict[str, str], until: str | None) -> None:
    at = datetime.fromisoformat(f"{now}+00:00")
    decision = decided(contact={"zone": zone}, rules={"quiet_hours": rules}, now=at, since=at)
    if until is None:
        assert isinstance(decision, Do)
    else:
        assert decision == Hold(datetime.fromisoformat(f"{until}+00:00"), "quiet hours")


hours = st.integers(0, 47).map(lambda half: time(half // 2, half % 2 * 30))
moments = st.integers(0, 2 * 366 * 96).map(
    lambda quarter: datetime(2026, 1, 1, tzinfo=UTC) + quarter * timedelta(minutes=15)
)
zones = st.sampled_from(
    ("UTC", "Europe/Warsaw", "America/Havana", "Australia/Lord_Howe", "Pacific/Kiritimati", "Asia/Tehran")
)


@examples(max_examples=400, deadline=None)
@given(moments, zones, hours, hours, st.sampled_from(("quiet", "same")))
def test_quiet_hours_always_end_later_and_outside_of_them(
    at: datetime, zone: str, begin: time, end: time, weekends: str
) -> None:
    assume(begin != end or weekends == "quiet")
    quiet = QuietHours.model_validate({"from": begin, "to": end, "weekends": weekends})
    until = quiet_until(at, zone, quiet)
    assert until is None or (until > at and quiet_until(until, zone, quiet) is None)


@pytest.mark.parametrize(
    ("caps", "days", "decision"),
    [
        ({"per_day": 1}, ["2026-03-03"], None),
        ({"per_day": 1}, ["2026-03-04"], Hold(datetime(2026, 3, 5, tzinfo=UTC), "cap: 1 a day")),
        ({"per_day": 2}, ["2026-03-04"], None),
        ({"per_week": 2}, ["2026-02-25", "2026-03-03"], None),
        ({"per_week": 2}, ["2026-02-26", "2026-03-03"], Hold(datetime(2026, 3, 5, tzinfo=UTC), "cap: 2 in seven days")),
        ({"per_day": 1, "per_week": 1}, ["2026-03-04"], End("too late: cap: 1 in seven days, would be held until "
                                                            "2026-03-11, max_lateness is 3 days")),
        ({"per_day": 1, "when_over": "skip"}, ["2026-03-04"], Skip("cap: 1 a day")),
    ],
)  # fmt: skip
def test_caps_defer_or_skip(caps: dict[str, Any], days: list[str], decision: Decision | None) -> None:
    found = decided(rules={"caps": caps}, mailed=letters(*days))
    assert found == decision if decision else isinstance(found, Do)


def test_a_capped_mail_opens_after_the_night_of_its_free_day() -> None:
    found = decided(rules={"caps": {"per_day": 1}, "quiet_hours": NIGHT}, mailed=letters("2026-03-04"))
    assert found == Hold(datetime(2026, 3, 5, 8, tzinfo=UTC), "cap: 1 a day")


def test_surveys_keep_their_distance_and_other_mail_need_not() -> None:
    mailed = Mailed()
    mailed.add("ada@x.example", date(2026, 2, 4), survey=True)
    rules = {"caps": {"survey_every": "30 days"}}
    survey = {"survey": {"template": "email/hello"}}
    assert decided(survey, rules=rules, mailed=mailed) == Hold(
        datetime(2026, 3, 6, tzinfo=UTC), "cap: one survey every 30 days"
    )
    assert isinstance(decided(survey, rules=rules, mailed=mailed, now=NOON + timedelta(days=2)), Do)
    assert isinstance(decided(rules=rules, mailed=mailed), Do)


def test_a_playbook_without_caps_heeds_none() -> None:
    assert isinstance(decided(rules={"caps": {"per_day": 1}}, mailed=letters("2026-03-04"), limits={"cap": False}), Do)


def test_what_was_held_too_long_ends_and_says_what_for() -> None:
    late = {"now": NOON, "since": NOON - timedelta(days=4)}
    assert decided(rules={"caps": {"per_day": 1}}, mailed=letters("2026-03-04"), **late) == End(
        "too late: cap: 1 a day, due since 2026-02-28, max_lateness is 3 days"
    )
    assert decided(**late) == End("too late: due since 2026-02-28, max_lateness is 3 days")
    assert isinstance(decided(**late, max_lateness="5 days"), Do)


def test_a_wait_of_days_keeps_the_wall_clock_over_a_clock_change() -> None:
    wait = {"wait": "2 days"}
    warsaw = {"zone": "Europe/Warsaw"}
    since = datetime(2026, 3, 28, 8, tzinfo=UTC)  # 09:00
    assert decided(wait, contact=warsaw, now=since, since=since) == Hold(
        datetime(2026, 3, 30, 7, tzinfo=UTC), "wait 2 days"
    )
    assert decided(wait, contact=warsaw, now=datetime(2026, 3, 30, 7, tzinfo=UTC), since=since) == Do("wait 2 days")
    hours = {"wait": "48 hours"}
    assert decided(hours, contact=warsaw, now=since, since=since) == Hold(
        datetime(2026, 3, 30, 8, tzinfo=UTC), "wait 48 hours"
    )


def test_the_cap_counts_days_of_the_contacts_zone() -> None:
    now = datetime(2026, 3, 4, 11, tzinfo=UTC)  # the 5th already in Kiritimati
    found = decided(
        contact={"zone": "Pacific/Kiritimati"}, rules={"caps": {"per_day": 1}}, mailed=letters("2026-03-05"), now=now
    )
    assert found == Hold(clock.midnight(date(2026, 3, 6), "Pacific/Kiritimati"), "cap: 1 a day")
