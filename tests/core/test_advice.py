"""What `check` advises from knowing the field: each rule where it helps, and silence where there is nothing to say."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.records import Event, Ticket
from runner.app import App
from runner.app.advice.effects import holdout_needed
from runner.app.advice.variables import bare_fields
from runner.app.check import check
from tests.conftest import REPOSITORY
from tests.core.world import TEMPLATE, World, utc

LEADS = "trigger: {onboarding: {day: 45}}\n"
REVIEW = "actions:\n  - request_review: {id: review, template: email/review, subject: How was it?}\n"
NPS = "  - survey: {id: nps, template: email/nps, subject: One question}\n"
SITES = "reviews: {sites: {google: https://reviews.example.com}}\n"


@pytest.fixture
def advised(world: World) -> World:
    return prepared(world)


@pytest.fixture
def each_advised(each_world: World) -> World:
    return prepared(each_world)


def prepared(world: World) -> World:
    """A workspace with a template for each kind of mail, and caps that leave nothing to say."""
    for name, link in {"review": "review()", "nps": "survey()", "referral": "referral()"}.items():
        world.write(f"templates/email/{name}.html", f"{TEMPLATE}\n<a href='{{{{ {link} }}}}'>Go</a>\n")
    settings = (world.folder / "regulars.yaml").read_text(encoding="utf-8")
    world.write("regulars.yaml", f"{settings}{SITES}caps: {{survey_every: 30 days}}\n")
    world.reopen()
    world.now = utc("2026-06-01 12:00")
    return world


def told(world: World) -> list[str]:
    checked = world.check()
    assert checked.faults == ()
    return [str(warning) for warning in checked.warnings]


# --- reviews


def test_whom_a_review_is_asked_of_must_not_hang_on_a_score(advised: World) -> None:
    advised.playbook("a", f"{LEADS}audience: contact.nps_score >= 9 and contact.country == 'PL'\n{REVIEW}")
    (warning,) = told(advised)
    assert warning.startswith(
        "playbooks/a.yaml:3:11: audience: asks for reviews by score: only some are asked, by contact."
    )
    assert "the FTC call that gating" in warning


@pytest.mark.parametrize(
    "actions",
    [
        "  - choose:\n      - when: answer.score >= 9\n        actions:\n          - {step}",
        "  - choose:\n      - when: answer.score <= 6\n        actions: [stop: unhappy]\n  - {step}",
    ],
)
def test_a_choice_by_score_that_leads_to_a_review_is_told(advised: World, actions: str) -> None:
    step = "request_review: {id: review, template: email/review, subject: How was it?}"
    advised.playbook("a", f"{LEADS}actions:\n{NPS}{actions.format(step=step)}\n")
    (warning,) = told(advised)
    assert "actions[1].choose[0].when: asks for reviews by score" in warning


def test_everybody_may_be_asked_for_a_review(advised: World) -> None:
    advised.playbook("a", f"{LEADS}audience: contact.country == 'PL' and contact.orders_count > 1\n{REVIEW}")
    assert told(advised) == []


@pytest.mark.parametrize(
    "words",
    ["As a thank you, 10% off", "There is a voucher in it", "Als Dank ein Gutschein", "W prezencie rabat",
     "Un cadeau vous attend", "Un descuento para ti"],
)  # fmt: skip
def test_a_reward_for_a_review_is_told_with_its_place(advised: World, words: str) -> None:
    advised.playbook("a", LEADS + REVIEW)
    advised.write("templates/email/review.html", f"{TEMPLATE}\n<p>{words}</p><a href='{{{{ review() }}}}'>Go</a>")
    assert all(warning.startswith("templates/email/review.html:2:") for warning in told(advised))
    assert "speaks of a reward beside a review" in told(advised)[0]


def test_a_reward_in_the_next_mail_is_told_where_it_is_for_the_review(advised: World) -> None:
    advised.playbook(
        "a", f"{LEADS}{REVIEW}  - send_email: {{template: email/hello, subject: Your voucher for the review}}\n"
    )
    assert "speaks of a reward beside a review: 'voucher'" in told(advised)[0]
    advised.playbook("a", f"{LEADS}{REVIEW}  - send_email: {{template: email/hello, subject: Your voucher}}\n")
    assert told(advised) == []


def test_that_there_is_no_reward_may_be_said(advised: World) -> None:
    advised.playbook("a", LEADS + REVIEW.replace("How was it?", "No voucher and no gift"))
    assert told(advised) == []


# --- surveys


def test_a_survey_more_often_than_every_thirty_days_is_told(advised: World) -> None:
    advised.playbook("a", f"trigger: {{schedule: {{every: 14 days}}}}\nactions:\n{NPS}")
    (warning,) = told(advised)
    assert warning.startswith(
        "playbooks/a.yaml:2:29: trigger.schedule.every: asks everybody every 14 days; leave 30 days"
    )


def test_two_surveys_of_a_playbook_lie_a_month_apart(advised: World) -> None:
    again = NPS.replace("id: nps", "id: again")
    advised.playbook("a", f"{LEADS}actions:\n{NPS}  - wait: 29 days\n{again}")
    assert "actions[2].survey: may come 29 days after the survey 'nps'" in told(advised)[0]
    advised.playbook("a", f"{LEADS}actions:\n{NPS}  - wait: 30 days\n{again}")
    assert told(advised) == []


def test_two_playbooks_with_surveys_need_a_cap(advised: World) -> None:
    settings = (advised.folder / "regulars.yaml").read_text(encoding="utf-8")
    advised.write("regulars.yaml", settings.replace("survey_every: 30 days", "per_week: 2"))
    advised.reopen()
    advised.playbook("a", f"{LEADS}actions:\n{NPS}")
    assert told(advised) == []
    advised.playbook("b", f"{LEADS}actions:\n  - wait: 9 days\n{NPS}")
    (warning,) = told(advised)
    assert "survey_every is not set: 2 playbooks may ask the same person within 30 days" in warning


def test_a_survey_must_be_open_while_its_answer_is_waited_for(advised: World) -> None:
    closing = NPS.replace("One question}", "One question, close_after: 3 days}")
    waits = "  - wait: {for: answer, at_most: 5 days}\n"
    advised.playbook("a", f"{LEADS}actions:\n{closing}{waits}")
    assert (
        "actions[1].wait: waits for an answer until 5 days after 'nps', which closes after 3 days" in told(advised)[0]
    )
    advised.playbook("a", f"{LEADS}actions:\n{closing}{waits.replace('5', '3')}")
    assert told(advised) == []


# --- what the store knows


def test_a_promised_answer_time_is_held_against_the_tickets(each_advised: World) -> None:
    each_advised.playbook("a", LEADS)
    each_advised.write("templates/email/hello.html", f"{TEMPLATE}\n<p>We answer within\n one business day.</p>")
    each_advised.person("ada")
    friday = utc("2026-05-15 16:00")
    for number in range(20):
        replied = friday + timedelta(days=3 if number % 2 else 5)
        each_advised.hear(Ticket(ticket_id=str(number), contact_id="ada", created_at=friday, first_reply_at=replied))
    (warning,) = told(each_advised)
    assert warning.startswith(
        "templates/email/hello.html:2:14: promises an answer 'within one business day': 50% of the last 20"
    )


def test_a_promise_that_is_kept_is_not_told(each_advised: World) -> None:
    each_advised.playbook("a", LEADS)
    each_advised.write("templates/email/hello.html", f"{TEMPLATE}\n<p>We answer within 24 hours.</p>")
    each_advised.person("ada")
    came = utc("2026-05-15 16:00")
    for number in range(20):
        replied = came + timedelta(hours=20 if number > 2 else 30)
        each_advised.hear(Ticket(ticket_id=str(number), contact_id="ada", created_at=came, first_reply_at=replied))
    assert told(each_advised) == []


def test_the_share_that_lacks_a_value_is_told(each_advised: World) -> None:
    each_advised.playbook("a", f"{LEADS}audience: contact.country == 'PL'\n")
    each_advised.write("templates/email/hello.html", f"<p>Hi {{{{ contact.first_name }}}},</p>{TEMPLATE}")
    each_advised.person("ada", first_name="Ada", country="PL")
    each_advised.people("bob", "cyd", country="PL")
    each_advised.people("dan", "eve", country="DE")
    (warning,) = told(each_advised)
    assert "templates/email/hello.html:1:10: 67 % of 3 contacts have no first_name" in warning
    each_advised.playbook("a", f"{LEADS}audience: contact.first_name != none\n")
    assert told(each_advised) == []


@pytest.mark.parametrize("trigger", ["event: {kind: order}", "date: {of: contact.first_order_at, after: 7 days}"])
def test_what_the_trigger_is_about_nobody_lacks(each_advised: World, trigger: str) -> None:
    each_advised.playbook("a", f"trigger: {{{trigger}}}\n")
    each_advised.write("templates/email/hello.html", f"<p>{{{{ contact.last_order_at|date }}}}</p>{TEMPLATE}")
    each_advised.person("ada")
    assert told(each_advised) == []


@pytest.mark.parametrize(
    "source",
    ["{% if contact.first_name %}{{ contact.first_name }}{% endif %}", "{{ contact.first_name or 'you' }}",
     "{{ contact.first_name|default('you') }}", "{{ contact.first_name if contact.first_name else 'you' }}",
     "{% if not contact.first_name %}you{% else %}{{ contact.first_name|title }}{% endif %}"],
)  # fmt: skip
def test_a_value_with_a_fallback_needs_no_advice(source: str) -> None:
    assert bare_fields(source) == ()


def test_a_value_that_is_formatted_may_be_missing_all_the_same() -> None:
    assert bare_fields("\n{{ contact.birthday|date }}") == (("contact.birthday", 2),)


def test_the_numbers_of_a_holdout_are_those_of_the_literature() -> None:
    assert [holdout_needed(0.20, 0.24, 0.5), holdout_needed(0.20, 0.24, 0.1)] == [1683, 953]
    assert [holdout_needed(0.05, 0.06, 0.5), holdout_needed(0.80, 0.82, 0.5)] == [8158, 6039]


def test_a_holdout_that_can_show_nothing_is_told_with_what_it_takes(each_advised: World) -> None:
    each_advised.people(*(f"p{number}" for number in range(200)))
    each_advised.playbook("a", f"{LEADS}holdout: 10%\n")
    (warning,) = told(each_advised)
    assert "holdout: holds out 20 of 200 people a year; to tell 24% from 20% takes 953" in warning
    assert "no share shows it within a year" in warning


def test_a_group_of_holdouts_has_one_share(each_advised: World) -> None:
    each_advised.playbook("a", f"{LEADS}holdout: {{share: 10%, group: win-back}}\n")
    each_advised.playbook("b", f"{LEADS}holdout: {{share: 20%, group: win-back}}\nactions: [wait: 1 day]\n")
    (warning,) = told(each_advised)
    assert "the group 'win-back' holds out 20% here and 10% in playbooks/a.yaml" in warning


def test_a_kind_of_event_that_never_came_is_told(each_advised: World) -> None:
    each_advised.person("ada")
    each_advised.hear(Event(event_id="1", contact_id="ada", kind="login", at=utc("2026-05-01")))
    each_advised.playbook(
        "a", f"{LEADS}actions:\n  - wait: {{for: {{event: logn}}, at_most: 3 days}}\ngoal: {{event: order}}\n"
    )
    (warning,) = told(each_advised)
    assert "actions[0].wait.for: no event of the kind 'logn' has ever come; did you mean 'login'?" in warning


# --- one playbook and another, one way and another


def test_two_mails_in_the_same_hour_are_told(advised: World) -> None:
    advised.playbook("a", "trigger: {date: {of: contact.customer_since, after: 7 days, at: '09:30'}}\n")
    advised.playbook("b", "trigger: {onboarding: {day: 5, at: '09:00'}}\nactions:\n  - wait: 2 days\n  - send_email:"
                     " {id: b, template: email/hello, subject: Hi}\n")  # fmt: skip
    (warning,) = told(advised)
    assert "goes to the same people in the same hour as 'b' of playbooks/b.yaml" in warning


@pytest.mark.parametrize(
    ("settings", "audience"), [("caps: {per_day: 1, survey_every: 30 days}", ""), ("", "contact.country == 'DE'")]
)
def test_mails_that_a_cap_or_the_audience_keeps_apart_are_not_told(
    advised: World, settings: str, audience: str
) -> None:
    text = (advised.folder / "regulars.yaml").read_text(encoding="utf-8")
    advised.write("regulars.yaml", text.replace("caps: {survey_every: 30 days}", settings))
    advised.reopen()
    advised.playbook("a", f"{LEADS}audience: contact.country in ['PL', 'CZ']\n")
    advised.playbook("b", LEADS + (f"audience: {audience}\n" if audience else ""))
    assert told(advised) == []


@pytest.mark.parametrize("later", ["contact.orders_count > 5", "contact.orders_count == 9", "contact.orders_count > 2"])
def test_a_way_that_an_earlier_one_takes_is_told(advised: World, later: str) -> None:
    ways = [f"      - when: {when}\n        actions: [wait: 1 day]\n" for when in ("contact.orders_count > 2", later)]
    advised.playbook("a", f"{LEADS}actions:\n  - choose:\n{''.join(ways)}")
    assert "actions[0].choose[1].when: is never taken" in told(advised)[0]


def test_steps_after_a_stop_are_told_once(advised: World) -> None:
    advised.playbook("a", f"{LEADS}actions:\n  - wait: 1 day\n  - stop: enough\n  - wait: 2 days\n  - wait: 3 days\n")
    (warning,) = told(advised)
    assert warning.startswith("playbooks/a.yaml:6:5: actions[2].wait: is never reached")


def test_after_a_condition_that_is_always_so_nothing_is_chosen(advised: World) -> None:
    ways = "      - when: 1 < 2\n        actions: [wait: 1 day]\n      - otherwise: [wait: 2 days]\n"
    advised.playbook("a", f"{LEADS}actions:\n  - choose:\n{ways}")
    assert "actions[0].choose[1].otherwise: is never taken: 1 < 2 is always so" in told(advised)[0]


def test_a_wait_that_outlasts_the_goal_is_told(advised: World) -> None:
    advised.playbook("a", f"{LEADS}actions:\n  - wait: 50 days\n  - wait: 20 days\ngoal: {{within: 60 days}}\n")
    (warning,) = told(advised)
    assert "actions[1].wait: is over 70 days after entering, and the goal is looked for within 60 days" in warning


def test_the_starters_leave_nothing_to_advise() -> None:
    with App(REPOSITORY) as app:
        told = [str(warning) for warning in check(app).warnings]
    assert [line for line in told if "is off; before it is on" not in line and "there is no folder" not in line] == []
