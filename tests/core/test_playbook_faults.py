"""Every mistake of every playbook at once, each with file, line, column and advice; the healthy ones run."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from runner.app.doctor import Finding, Health, examine
from runner.errors import ExitCode
from tests.conftest import REPOSITORY
from tests.core.world import TEMPLATE, World

FAULTY = Path(__file__).parent / "faulty"


@pytest.fixture
def faulty(world: World) -> World:
    """A workspace with the playbooks of `faulty/`, and somebody who has been synced."""
    for file in FAULTY.glob("*.y*ml"):
        shutil.copyfile(file, world.folder / "playbooks" / file.name)
    scores = "{% for score in range(11) %}{{ answer_link(score) }} {% endfor %}"
    world.write("templates/email/nps.html", f"{TEMPLATE}\n{scores}\n")
    world.write("templates/email/bare.html", "<p>Hello</p>")
    (world.folder / "playbooks/latin.yaml").write_bytes("name: Jürgen".encode("latin-1"))
    world.person("ada", birthday=date(1990, 5, 4))
    return world


def test_every_fault_of_every_file_is_told_at_once_by_file_and_line(faulty: World) -> None:
    told = [str(fault) for fault in faulty.check().faults]
    assert told == (FAULTY / "expected.txt").read_text(encoding="utf-8").splitlines()


def test_the_healthy_playbook_beside_them_runs(faulty: World) -> None:
    ticked = faulty.tick("2026-05-04 09:00")
    assert ticked.exit_code is ExitCode.PERSON
    assert [(letter.who, letter.playbook) for letter in faulty.got()] == [("ada", "good")]
    assert {fault.file for fault in ticked.faults} >= {"playbooks/misspelt.yaml", "playbooks/wrong_ending.yml"}


def test_a_custom_field_may_be_unknown_before_the_first_sync_and_not_after(world: World) -> None:
    world.playbook("wish", "trigger: anniversary\naudience: contact.plan == 'gold'")
    before = world.check()
    assert before.faults == ()
    assert [str(w) for w in before.warnings] == ["playbooks/wish.yaml:3:11: audience: contact has no 'plan'"]
    world.person("ada")
    assert [str(f) for f in world.check().faults] == ["playbooks/wish.yaml:3:11: audience: contact has no 'plan'"]


def test_a_playbook_mended_runs_at_the_next_tick(world: World) -> None:
    world.person("ada", birthday=date(1990, 5, 4))
    world.playbook("wish", "trigger: {anniversary: {of: contact.birthdya}}")
    assert world.ticks("2026-05-04 09:00") == []
    world.playbook("wish", "trigger: {anniversary: {of: contact.birthday}}")
    assert [letter.who for letter in world.ticks("2026-05-04 09:05")] == ["ada"]


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "a", "{}", "name: x", "? [a, b]\n: c", "!!python/object:os.system x", "&a [*a]", "\x00", "- - -",
     "name: {a: {b: {c: d}}}", "trigger: {1: 2}", "actions: [null, 1, [], {}, {null: null}]", "%YAML 9.9\n---\nx: y",
     "name: x\n---\nname: y", "trigger: {anniversary: []}", "actions: [{wait: []}]", "audience: [1]", "id: 7",
     "\ufeffname: x",
     "limits: null", "trigger: null", "name: ''", "actions:\n  - send_email", "tests: {}", "goal: {}", "was: [x]"],
)  # fmt: skip
def test_nothing_that_is_written_ends_in_a_traceback(world: World, text: str) -> None:
    world.write("playbooks/odd.yaml", text)
    assert world.check().faults
    world.tick("2026-05-04 09:00")


#: A playbook in which each mistake is put.
SOUND = """\
name: A
trigger:
  event: {kind: order}
audience: contact.country == "PL"
actions:
  - send_email: {id: a, template: email/hello, subject: Hi}
"""


#: What stands there instead of what, and what is told of it.
MALFORMED = (
    ("name: A", "name: A\0B", "1:8: has a sign that no text can hold: U+0000; delete it"),
    ("name: A", "name: @home", '1:7: a text cannot begin with @; put it in quotes: "@…"'),
    ("name: A", 'name: "C:\\home"', "1:11: \\h in double quotes means nothing; use single quotes, or \\\\ for a"),
    ("name: A", "name: !secret A", "1:7: tags are not allowed: !secret; write the value alone"),
    ("name: A", 'name: "\\ud83c"', "1:7: has half of a letter; write the letter or emoji itself, not \\u…"),
    ("subject: Hi}", 'subject: "Hi}', '6:57: the quote " is not closed; close it with "'),
    ("subject: Hi}", "subject: Hi}\n---\nname: B", "7:1: a second document begins here; one file, one document"),
    ("actions:", "actions:\n   - stop: x", "7:3: is indented otherwise than what it belongs to; keys and dashes"),
    ("actions:", "2026-11-27: x\nactions:", '5:1: a key must be a word, is 2026-11-27; put it in quotes: "2026'),
    ("{kind: order}", "{1: order}", '3:11: trigger.event: a key must be a word, is 1; put it in quotes: "1"'),
    ("event: {kind: order}", "a: " + "[" * 2000, "3:62: is nested too deeply; at most 60 parts within parts"),
    ("event: {kind: order}", "", "2:1: trigger: must be a trigger with its keys below it, is empty"),
    ("event: {kind: order}", "onboarding: {day: 9999999}", "3:21: trigger.onboarding.day: must be at most 36500,"),
    ("event: {kind: order}", "overdue_invoice: {days: 99999999}", "3:27: trigger.overdue_invoice.days: must be at"),
    (
        "event: {kind: order}",
        f"anniversary: {{years: [{9**30}]}}",
        "3:25: trigger.anniversary.years[0]: must be at",
    ),
    (
        "event: {kind: order}",
        "churn_risk: {above: .nan}",
        "3:23: trigger.churn_risk.above: must be a number, is nan",
    ),
    ('contact.country == "PL"', "true", '4:11: audience: must be a text, is true; put it in quotes: "true"'),
    ('contact.country == "PL"', "('PL'", "4:11: audience: cannot be read: unexpected end, expected ')'"),
    (
        'contact.country == "PL"',
        '"{{ contact.is_test }}"',
        "4:11: audience: cannot be read: expected token ':', got",
    ),
    ('"PL"', '"PL"' + ' or contact.country == "X"' * 3000, "4:11: audience: is nested too deeply; write a list"),
)


def test_each_malformed_file_is_told_of_where_it_is_wrong_with_what_to_do(world: World) -> None:
    for number, (instead, by, _) in enumerate(MALFORMED):
        world.write(f"playbooks/odd{number:02}.yaml", SOUND.replace(instead, by))
    faults = [str(fault) for fault in world.check().faults]
    told = [f"playbooks/odd{number:02}.yaml:{words}" for number, (_, _, words) in enumerate(MALFORMED)]
    assert [fault[: len(words)] for fault, words in zip(faults, told, strict=True)] == told


def test_a_byte_order_mark_windows_line_ends_and_emoji_are_no_faults(world: World) -> None:
    texts = {"bom": f"\ufeff{SOUND}", "crlf": SOUND.replace("\n", "\r\n"), "emoji": SOUND.replace("A", "🎉", 1)}
    for id, text in texts.items():
        (world.folder / f"playbooks/{id}.yaml").write_bytes(text.encode())
    checked = world.check()
    assert checked.faults == ()
    assert [reading.id for reading in checked.readings if reading.playbook] == list(texts)


def test_a_template_is_read_on_after_each_mistake(world: World) -> None:
    world.person("ada")
    world.playbook("wish", "trigger: anniversary")
    lines = ["{{ contact.frist_name }}", "{{ 1 / 0 }}", "{{ contact.email | }}", "{{ contact.orders_count + 'x' }}"]
    world.write("templates/email/hello.html", "\n".join(["<body>", *lines, TEMPLATE]))
    assert [(fault.line, fault.message) for fault in world.check().faults] == [
        (2, "contact has no 'frist_name'"),
        (3, "divides by zero"),
        (4, "expected token 'name', got 'end of print statement'"),
        (5, "cannot be worked out: a number + a text"),
    ]


@pytest.mark.parametrize("tag", ["extends", "include"])
def test_a_template_within_itself_is_said_in_words(world: World, tag: str) -> None:
    world.playbook("wish", "trigger: anniversary")
    world.write("templates/email/hello.html", f"{{% {tag} 'email/hello.html' %}}")
    (fault,) = world.check().faults
    assert str(fault) == f"templates/email/hello.html:1:{fault.column}: extends or includes itself; name another one"


@pytest.mark.parametrize(
    ("page", "source", "told"),
    [
        ("thanks", "{{ foo }}", "1:4: foo: this page has no 'foo'"),
        ("survey", "\n{% if kind %}", "2:1: Unexpected end of template"),
        ("review", "{{ say('review.hedding') }}", "1:1: there are no words for 'review.hedding'"),
        ("review", "{{ say('review.link') }}", "1:1: say() is not told 'site'"),
        ("thanks", "\n{{ answered.scor }}", "2:1: it has no attribute 'scor'"),
        ("base", "{{ company.name }}", "1:1: it has no attribute 'name'"),
    ],
)
def test_a_page_that_could_not_be_shown_is_a_fault(world: World, page: str, source: str, told: str) -> None:
    world.write(f"templates/pages/{page}.html", source)
    assert any(str(fault).startswith(f"templates/pages/{page}.html:{told}") for fault in world.check().faults)


def test_the_shipped_pages_are_sound(world: World) -> None:
    shutil.copytree(REPOSITORY / "templates/pages", world.folder / "templates/pages")
    assert world.check().faults == ()


def test_a_disabled_playbook_is_no_unhealthy_one_and_told_of_once(world: World) -> None:
    world.playbook("wish", "trigger: anniversary")
    world.playbook("off", "enabled: false\ntrigger: {date: {of: contact.birthdya}}\naudience: contact.plna == 1")
    checked = world.check()
    assert (checked.faults, checked.counted) == ((), "1 of 1 playbooks healthy, 1 disabled")
    (warning,) = checked.warnings
    assert str(warning).startswith("playbooks/off.yaml:2:10: enabled: is off; before it is on: trigger.date.of: ")
    assert "(and 1 more)" in warning.message


def test_doctor_counts_playbooks_as_check_does(world: World) -> None:
    world.playbook("off", "enabled: false\ntrigger: anniversary")
    assert (
        Finding("playbooks and settings", Health.OK, "0 of 0 playbooks healthy, 1 disabled, no fault")
        in examine(world.app).checks
    )


def test_a_playbook_in_a_folder_of_its_own_is_not_read_and_told(world: World) -> None:
    world.write("playbooks/old/wish.yaml", "name: Wish")
    assert [str(warning) for warning in world.check().warnings] == [
        "playbooks/old/wish.yaml:1:1: is not read: it lies in a folder; only the files in playbooks/ itself are"
    ]
