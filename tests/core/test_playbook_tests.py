"""The tests inside playbooks: lived through by the real engine, in a store of their own, and honest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from textwrap import dedent, indent

import pytest

from connectors.records import FieldType
from runner.playbook import read_playbook
from runner.store.tables import contacts
from runner.trial import Ran, Suite, World, run, suite_of, try_all, without_secrets
from tests.conftest import REPOSITORY

SETTINGS = """\
timezone: UTC
public_url: https://hello.acme.example
secret: ${REGULARS_SECRET}
sender: {name: Acme, email: hello@acme.example, address: "1 Main St"}
connectors: {crm: {type: hubspot, token: "${HUBSPOT_TOKEN}"}}
mail: {type: sendgrid, api_key: "${SENDGRID_API_KEY}", webhook_key: "${SENDGRID_WEBHOOK_KEY}"}
"""
BIRTHDAY = "trigger: {anniversary: {of: contact.birthday}}\n"
ON_THE_DAY = "{now: 2027-05-04T09:00, contact: {birthday: 1990-05-04}}"
HI = "<p>Dear {{ contact.first_name or 'you' }}</p>{{ unsubscribe() }} {{ sender.address }}"
HELLO = "actions:\n  - send_email: {id: hello, template: email/hello, subject: Hello}\n"


class Workspace:
    """A folder with playbooks, none of which has ever run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, link in (("hello", ""), ("ask", "{{ survey() }}"), ("invite", "{{ referral() }}")):
            self.write(f"templates/email/{name}.html", f"{HI}{link}")
        self.settings()

    def settings(self, more: str = "") -> None:
        self.write("regulars.yaml", SETTINGS + dedent(more))

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def playbook(self, text: str, *tests: str, id: str = "try") -> None:
        """A playbook with these tests, each `given: … expect: …`; without `actions:` it says hello."""
        text = dedent(text) + ("" if "actions:" in text else HELLO)
        listed = "".join(f"  - name: test {n}\n{indent(dedent(test), '    ')}\n" for n, test in enumerate(tests, 1))
        self.write(f"playbooks/{id}.yaml", f"name: {id}\n{text}tests:\n{listed}")

    def suite(self, *wanted: str) -> Suite:
        with without_secrets(self.folder) as app:
            return suite_of(app, wanted)

    def ran(self, text: str = "", *tests: str) -> list[Ran]:
        if text:
            self.playbook(text, *tests)
        with without_secrets(self.folder) as app:
            suite = suite_of(app)
            assert [str(fault) for fault in suite.faults] == []
            return [ran for one in try_all(app, suite) for ran in one.ran]

    def failures(self, text: str, *tests: str) -> list[str]:
        return [failure for ran in self.ran(text, *tests) for failure in ran.failures]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


# --- the starters


def starters() -> Iterator[tuple[str, Ran]]:
    with without_secrets(REPOSITORY) as app:
        for one in try_all(app, suite_of(app)):
            yield from ((one.playbook.id, ran) for ran in one.ran)


def test_every_starter_passes_its_own_tests_of_which_one_acts_and_one_does_not() -> None:
    ran = list(starters())
    assert {f"{id}: {one.case.name}": one.failures for id, one in ran if not one.passed} == {}
    ids = {path.stem for path in (REPOSITORY / "playbooks").glob("*.yaml")}
    assert {id for id, one in ran if one.case.expect.done} == ids
    assert {id for id, one in ran if one.case.expect.nothing or one.case.expect.reason} == ids


def test_the_example_of_the_design_passes_word_for_word(workspace: Workspace) -> None:
    workspace.settings('business_hours: {mon-fri: "09:00-17:00"}')
    failures = workspace.failures(
        """\
        description: Thank customers on their anniversary and ask how we did.
        owner: care@acme.example
        enabled: true
        trigger:
          anniversary: {of: contact.customer_since, at: "09:00", leap_day: feb28, catch_up: 3 days}
        audience: contact.lifecycle_stage == "customer" and contact.country != "US"
        reenter: every occasion
        holdout: 10%
        limits: {priority: normal, cap: true}
        actions:
          - send_email: {id: thanks, template: email/hello, subject: "{{ contact.first_name }}, one year already"}
          - wait: 3 days
          - survey: {id: nps, kind: nps, template: email/ask}
          - choose:
              - when: answer.score <= 6
                actions: [{create_task: {subject: "Call {{ contact.first_name }}", due: in 1 business hour}}]
              - otherwise: [{request_referral: {template: email/invite}}]
        goal: {event: order, within: 60 days}
        exit_when: contact.opted_out
        """,
        """\
        given: {now: 2027-02-28T09:00, contact: {customer_since: 2024-02-29, lifecycle_stage: customer}}
        expect: [thanks]
        """,
    )
    assert failures == []


def test_the_example_of_the_page_passes(workspace: Workspace) -> None:
    page = (REPOSITORY / "docs/playbook_tests.md").read_text(encoding="utf-8")
    example = page.partition("```yaml\n")[2].partition("```")[0]
    workspace.write("templates/email/second_order.html", f"{HI}How was it?")
    workspace.write("playbooks/second_order.yaml", example)
    assert [(ran.case.name, ran.failures) for ran in workspace.ran() if ran.failures] == []


# --- what is expected


def test_steps_that_come_later_are_waited_for_and_others_are_not_allowed(workspace: Workspace) -> None:
    two = """\
        trigger: {anniversary: {of: contact.birthday}}
        actions:
          - send_email: {id: one, template: email/hello, subject: One}
          - wait: 20 days
          - send_email: {id: two, template: email/hello, subject: Two}
        """
    expects = ("[one]", "[one, two]", "[one, wait-1, two]", "{done: [one], until: 30 days}", "[two]", "[two, one]")
    told = workspace.failures(two, *(f"given: {ON_THE_DAY}\nexpect: {expect}" for expect in expects))
    assert told == [
        "expected to be done: one; done: one, two",
        "expected to be done: two; done: one, two",
        "expected to be done: two, one; done: one, two",
    ]


def test_that_nothing_is_done_is_true_only_if_it_stays_so(workspace: Workspace) -> None:
    workspace.settings('quiet_hours: {from: "08:00", to: "12:00"}')
    held = f"given: {ON_THE_DAY}\nexpect: {{held: [hello], reason: quiet hours}}"
    (told,) = workspace.failures(BIRTHDAY, f"given: {ON_THE_DAY}\nexpect: []", held)
    assert told == "expected to be done: nothing; done: hello"


def test_who_does_not_enter_is_told_with_the_reason(workspace: Workspace) -> None:
    book = BIRTHDAY + 'audience: contact.country == "PL"\n'
    given = "given: {now: 2027-05-04T09:00, contact: {birthday: 1990-05-04, country: %s}}\nexpect: {not_entered: %s}"
    cases = [given % pair for pair in (("DE", "not in the audience"), ("DE", "too late"), ("PL", "true"))]
    assert workspace.failures(book, *cases) == [
        "expected not to enter because of 'too late'; the reasons: "
        'not in the audience: contact.country == "PL"; no: contact.country == "PL" (contact.country is \'DE\')',
        "expected not to enter; entered, and done: hello",
    ]


def test_a_trigger_that_does_not_fire_is_named_with_the_values_it_saw(workspace: Workspace) -> None:
    early = "given: {now: 2027-05-04T08:59, contact: {birthday: 1990-05-04}}\nexpect: [hello]"
    (ran,) = workspace.ran(BIRTHDAY, early)
    assert ran.failures == ("expected to be done: hello; done: nothing",)
    assert ran.happened() == [
        "nothing happened",
        "no: trigger: anniversary of contact.birthday at 09:00 (contact.birthday is 1990-05-04)",
    ]


def test_a_failed_test_tells_the_log_with_its_reasons(workspace: Workspace) -> None:
    given = "{now: 2027-05-04T09:00, contact: {birthday: 1990-05-04, email: null}}"
    (ran,) = workspace.ran(BIRTHDAY, f"given: {given}\nexpect: [hello]")
    assert [*ran.failures, *ran.happened()] == [
        "expected to be done: hello; done: nothing",
        "2027-05-04 09:00  hello: skipped, no address",
    ]


# --- who and when


def test_times_are_on_the_persons_own_clock(workspace: Workspace) -> None:
    given = "{now: 2027-05-04T09:00, contact: {birthday: 1990-05-04, timezone: Pacific/Auckland}}"
    (ran,) = workspace.ran(BIRTHDAY, f"given: {given}\nexpect: [hello]")
    assert (ran.passed, ran.rows[-1].at.isoformat()) == (True, "2027-05-03T21:00:00+00:00")


def test_somebody_who_lapsed_long_ago_is_not_swallowed_as_existing(workspace: Workspace) -> None:
    lapse = "trigger: {inactivity: {for: 30 days, event: order}}\n"
    given = "given: {now: 2027-05-04T09:00, contact: {last_order_at: %s}}\nexpect: [hello]"
    assert workspace.failures(lapse, given % "31 days ago", given % "1000 days ago", given % "2019-01-01") == []


def test_summaries_are_counted_from_what_is_told(workspace: Workspace) -> None:
    book = BIRTHDAY + "audience: contact.orders_count == 2 and contact.revenue == 70 and contact.open_tickets == 1\n"
    short = "{birthday: 1990-05-04, orders_count: 2, revenue: 70, open_tickets: 1}"
    rows = "orders: [{total: 50}, {total: 40}], refunds: [{amount: 20}], tickets: [{at: 2 days ago}]"
    assert workspace.failures(
        book,
        f"given: {{now: 2027-05-04T09:00, contact: {short}}}\nexpect: [hello]",
        f"given: {{now: 2027-05-04T09:00, contact: {{birthday: 1990-05-04}}, {rows}}}\nexpect: [hello]",
    ) == []  # fmt: skip


def test_the_playbook_knew_the_person_before_with_what_the_test_says_was_so(workspace: Workspace) -> None:
    given = "{now: 2027-05-04T09:00, contact: {birthday: 1990-05-04, tier: gold}, before: {tier: silver}}"
    workspace.playbook(BIRTHDAY, f"given: {given}\nexpect: [hello]")
    seen = []

    class Watched(World):
        def begin(self, at: datetime, **more: object) -> None:
            with self.app.store.read() as connection:
                seen.extend(connection.execute(contacts.select()).mappings())
            super().begin(at)

    with without_secrets(workspace.folder) as app:
        suite = suite_of(app)
        with Watched(app, suite.fields) as world:
            assert run(world, suite.playbooks[0], suite.playbooks[0].keys.tests[0]).passed
    assert [(person["tier"], person["birthday"]) for person in seen] == [("silver", None)]


def test_a_company_and_a_field_of_ones_own_may_be_told_before_any_sync(workspace: Workspace) -> None:
    book = "trigger: {date: {of: contact.trial_ends, before: 3 days}}\naudience: company.seats > 5\n"
    given = "given: {now: 2027-05-04T09:00, contact: {trial_ends: in 3 days}, company: {seats: %s}}\nexpect: %s"
    assert workspace.failures(book, given % (10, "[hello]"), given % (2, "[]")) == []
    assert workspace.suite().fields["contact.trial_ends"].kind == FieldType.DATE


@pytest.mark.parametrize("more", ["holdout: 100%", "enabled: false", "brake: {people: 1, share: 0%, at_least: 1}"])
def test_neither_chance_nor_a_switch_nor_the_brake_keeps_the_person_of_a_test_out(
    workspace: Workspace, more: str
) -> None:
    assert workspace.failures(f"{BIRTHDAY}{more}\n", f"given: {ON_THE_DAY}\nexpect: [hello]") == []


def test_where_consent_is_required_the_person_has_given_it_unless_told(workspace: Workspace) -> None:
    workspace.settings("consent: required")
    no = "{now: 2027-05-04T09:00, contact: {birthday: 1990-05-04, consent: null}}"
    skipped = f"given: {no}\nexpect: {{skipped: hello, reason: no consent}}"
    assert workspace.failures(BIRTHDAY, f"given: {ON_THE_DAY}\nexpect: [hello]", skipped) == []


# --- what happens later


def test_an_answer_is_one_to_the_survey_that_was_sent(workspace: Workspace) -> None:
    workspace.playbook(
        "trigger: {low_score: {kind: nps}}\n",
        "given: {now: 2027-05-04T09:00}\nthen: [{after: 1 day, answer: {score: 3}}]\nexpect: [hello]",
        "given: {now: 2027-05-04T09:00}\nthen: [{after: 1 day, answer: {score: 8}}]\nexpect: []",
        id="sorry",
    )
    survey = """\
        trigger: {anniversary: {of: contact.birthday}}
        actions:
          - survey: {id: nps, template: email/ask}
          - wait: 10 days
          - send_email: {id: more, template: email/hello, subject: More}
        exit_when: contact.nps_score <= 6
        """
    then = "then: [{after: 2 days, answer: {score: %s, comment: Hm}}]"
    assert workspace.failures(
        survey,
        f"given: {ON_THE_DAY}\n{then % 3}\nexpect: {{done: nps, reason: exit_when}}",
        f"given: {ON_THE_DAY}\n{then % 9}\nexpect: [nps, more]",
    ) == []  # fmt: skip


def test_a_choose_takes_the_way_that_the_answer_says(workspace: Workspace) -> None:
    survey = """\
        trigger: {anniversary: {of: contact.birthday}}
        actions:
          - survey: {id: nps, template: email/ask, close_after: 20 days}
          - choose:
              - {when: answer.score <= 6, actions: [{create_task: {id: call, subject: Call}}]}
              - otherwise: [{request_referral: {id: invite, template: email/invite}}]
        """
    then = "then: [{after: 2 days, answer: {kind: nps, score: %s}}]"
    assert workspace.failures(
        survey,
        f"given: {ON_THE_DAY}\n{then % 3}\nexpect: [nps, call]",
        f"given: {ON_THE_DAY}\n{then % 9}\nexpect: [nps, invite]",
        f"given: {ON_THE_DAY}\nexpect: {{done: [nps], until: 19 days}}",
        f"given: {ON_THE_DAY}\nexpect: {{done: [nps, invite], reason: otherwise, until: 21 days}}",
    ) == []  # fmt: skip


def test_a_wait_ends_when_what_it_is_for_happens(workspace: Workspace) -> None:
    waits = """\
        trigger: {anniversary: {of: contact.birthday}}
        actions:
          - wait: {id: pause, for: {event: visit}, at_most: 20 days}
          - send_email: {id: hello, template: email/hello, subject: Hello}
        """
    then = "then: [{after: 2 days, event: {kind: %s}}]"
    assert workspace.failures(
        waits,
        f"given: {ON_THE_DAY}\n{then % 'visit'}\nexpect: {{done: hello, until: 3 days}}",
        f"given: {ON_THE_DAY}\n{then % 'other'}\nexpect: {{done: [], held: pause, until: 3 days}}",
    ) == []  # fmt: skip


def test_somebody_may_be_inside_already_before_the_first_step_or_a_later_one(workspace: Workspace) -> None:
    book = """\
        trigger: {anniversary: {of: contact.birthday}}
        audience: contact.country == "PL"
        actions:
          - send_email: {id: one, template: email/hello, subject: One}
          - wait: {id: pause, time: 5 days}
          - send_email: {id: two, template: email/hello, subject: Two}
        exit_when: contact.opted_out
        """
    given = "given: {now: 2027-08-01T09:00, inside: %s}"
    leaves = "then: [{after: 2 days, contact: {opted_out: true}}]\nexpect: {done: [], reason: exit_when}"
    (ran, *others) = workspace.ran(
        book, f"{given % 'true'}\nexpect: [one, two]", f"{given % 'two'}\nexpect: [two]", f"{given % 'pause'}\n{leaves}"
    )
    assert [one.failures for one in (ran, *others)] == [(), (), ()]
    assert ran.happened()[0] == "2027-08-01 09:00  one: done, inside already, as the test says"


@pytest.mark.parametrize("customers", ["contact", "company"])
def test_the_person_draws_the_arm_that_the_test_says(workspace: Workspace, customers: str) -> None:
    workspace.settings(f"customers: {customers}")
    split = """\
        trigger: {anniversary: {of: contact.birthday}}
        actions:
          - split:
              id: which
              arms:
                - {name: a, share: 5%, actions: [{send_email: {id: one, template: email/hello, subject: One}}]}
                - {name: b, share: 95%, actions: []}
        """
    given = "given: {now: 2027-05-04T09:00, contact: {birthday: 1990-05-04, contact_id: c-7}, arms: {which: %s}}"
    assert workspace.failures(split, f"{given % 'a'}\nexpect: [one]", f"{given % 'b'}\nexpect: []") == []


def test_what_is_told_belongs_to_the_person_however_they_are_called(workspace: Workspace) -> None:
    book = BIRTHDAY + "audience: contact.orders_count == 1 and contact.mrr == 10\n"
    given = (
        "{now: 2027-05-04T09:00, contact: {contact_id: c-1, birthday: 1990-05-04}, orders: [{}], subscriptions: [{}]}"
    )
    assert workspace.failures(book, f"given: {given}\nexpect: [hello]") == []


@pytest.mark.parametrize(
    ("happens", "expected"),
    [
        ("order: {total: 50}", "{done: [one], reason: goal reached}"),
        ("contact: {opted_out: true}", "{done: [one], reason: opted out}"),
        ("contact: {colour: red}", "{done: [one], reason: 'contact.colour'}"),
        ("unsubscribe: true", "{done: [one], reason: unsubscribed}"),
        ("click: one", "[one, two]"),
        ("event: {kind: visit}", "[one, two]"),
    ],
)
def test_what_happens_in_between_counts(workspace: Workspace, happens: str, expected: str) -> None:
    book = """\
        trigger: {anniversary: {of: contact.birthday}}
        actions:
          - send_email: {id: one, template: email/hello, subject: One}
          - wait: 10 days
          - send_email: {id: two, template: email/hello, subject: Two}
        goal: {event: order}
        exit_when: contact.colour == 'red'
        """
    given = "{now: 2027-05-04T09:00, contact: {birthday: 1990-05-04, colour: blue}}"
    then = f"then: [{{after: 3 days, {happens}}}]"
    assert workspace.failures(book, f"given: {given}\n{then}\nexpect: {expected}") == []


def test_with_until_the_trigger_is_asked_every_day(workspace: Workspace) -> None:
    book = 'trigger: {date: {of: contact.last_order_at, after: 5 days, at: "09:00"}}\n'
    then = "then: [{after: 2 days, order: {total: 5}}]"
    given = "given: {now: 2027-05-04T09:00}"
    assert workspace.failures(book, f"{given}\n{then}\nexpect: {{done: [hello], until: 7 days}}") == []
    assert workspace.failures(book, f"{given}\n{then}\nexpect: {{done: [], until: 6 days}}") == []


def test_a_row_that_is_told_again_by_its_id_is_changed(workspace: Workspace) -> None:
    book = "trigger: {date: {of: contact.last_order_at, after: 5 days}}\naudience: contact.revenue == 9\n"
    given = "given: {now: 2027-05-04T09:00, orders: [{order_id: o-1, total: 5}]}"
    then = "then: [{after: 1 day, order: {order_id: o-1, total: 9}}]"
    assert workspace.failures(book, f"{given}\n{then}\nexpect: {{done: [hello], until: 6 days}}") == []


@pytest.mark.parametrize(
    ("told", "untrue"),
    [
        (
            "given: {now: 2027-05-04T09:00, answers: [{score: 33}]}",
            "surveys/surveys-1: score 33 is no point of the scale",
        ),
        ("given: {now: 2027-05-04T09:00, contact: {nps_score: 99}}", "contacts/somebody: nps_score 99.0 is no point"),
        ("given: {now: 2027-05-04T09:00}\nthen: [{after: 1 day, click: nps}]", "click: no mail of nps had gone out"),
        (
            "given: {now: 2027-05-04T09:00}\nthen: [{after: 1 day, unsubscribe: true}]",
            "unsubscribe: no mail had gone out",
        ),
        (
            f"given: {ON_THE_DAY}\nthen: [{{after: 1 day, answer: {{score: 11}}}}]",
            "answer: 11 is no answer to the survey",
        ),
        (f"given: {ON_THE_DAY}\nthen: [{{after: 40 days, answer: {{score: 1}}}}]", "answer: the survey could not be"),
    ],
)
def test_what_cannot_be_so_fails_the_test(workspace: Workspace, told: str, untrue: str) -> None:
    book = "trigger: {anniversary: {of: contact.birthday}}\nactions:\n  - survey: {id: nps, template: email/ask}\n"
    done = "[nps]" if ON_THE_DAY in told else "[]"
    (failure,) = workspace.failures(book, f"{told}\nexpect: {done}")
    assert failure.startswith(untrue)


# --- what is left alone


def test_a_test_writes_nothing_into_the_workspace_and_needs_no_secret(workspace: Workspace) -> None:
    workspace.playbook(BIRTHDAY, f"given: {ON_THE_DAY}\nexpect: [hello]")
    before = sorted(workspace.folder.rglob("*"))
    assert [ran.passed for ran in workspace.ran()] == [True]
    assert sorted(workspace.folder.rglob("*")) == before


def test_a_database_that_cannot_be_reached_is_not_needed(workspace: Workspace) -> None:
    workspace.settings("store: postgresql://nobody@127.0.0.1:1/nothing")
    assert workspace.failures(BIRTHDAY, f"given: {ON_THE_DAY}\nexpect: [hello]") == []


def test_each_test_begins_with_an_empty_store(workspace: Workspace) -> None:
    once = BIRTHDAY + "reenter: never\n"
    assert workspace.failures(once, *[f"given: {ON_THE_DAY}\nexpect: [hello]"] * 2) == []


def test_a_playbook_that_is_tested_better_is_the_same_version(workspace: Workspace) -> None:
    versions = []
    for tests in ((), (f"given: {ON_THE_DAY}\nexpect: [hello]",)):
        workspace.playbook(BIRTHDAY, *tests) if tests else workspace.write(
            "playbooks/try.yaml", f"name: try\n{BIRTHDAY}{HELLO}"
        )
        book = read_playbook(workspace.folder / "playbooks/try.yaml", "try.yaml", workspace.suite().fields).playbook
        versions.append(book and book.version)
    assert versions[0] == versions[1] is not None


def test_messages_and_notes_are_steps_like_others_and_a_test_calls_nobody(workspace: Workspace) -> None:
    workspace.settings("webhooks: {crm: {url: https://crm.example/in, secret: '${CRM_HOOK_SECRET}'}}\n")
    text = """\
        owner: care@acme.example
        actions:
          - webhook: {id: told, url: crm}
          - notify: {id: tell, subject: A, body: B}
          - add_note: {id: noted, body: C}
          - update_contact: {id: moved, set: {lifecycle_stage: vip}}
    """
    expected = "expect: [told, tell, noted, moved]"
    assert workspace.failures(BIRTHDAY + dedent(text), f"given: {ON_THE_DAY}\n{expected}") == []


@pytest.mark.parametrize(
    ("trigger", "given", "then", "expect"),
    [
        ("event: {kind: mention}", "mentions: [{at: 1 hour ago, source: web}]", "", "[hello]"),
        ("event: {kind: message}", "messages: [{at: 1 hour ago}]", "", "[hello]"),
        ("event: {kind: message}", "messages: [{at: 1 hour ago, direction: out}]", "", "{not_entered: true}"),
        ("date: {of: exit.left_on, after: 2 days}", "exits: [{at: 2 days ago, reason: price}]", "", "[hello]"),
        ("event: {kind: mention}", "orders: []", "then: [{after: 1 hour, mention: {text: Nice}}]\n", "[hello]"),
        ("event: {kind: message}", "orders: []", "then: [{after: 1 hour, message: {}}]\n", "[hello]"),
        (
            "date: {of: exit.left_on}",
            "orders: []",
            "then: [{at: 2027-05-05T08:00, exit: {at: 2027-05-05}}]\n",
            "{done: hello, until: 2 days}",
        ),
    ],
)
def test_what_is_said_of_you_written_to_you_and_why_they_left_may_be_told(
    workspace: Workspace, trigger: str, given: str, then: str, expect: str
) -> None:
    case = f"given: {{now: 2027-05-04T09:00, {given}}}\n{then}expect: {expect}"
    assert workspace.failures(f"trigger: {{{trigger}}}\n", case) == []
