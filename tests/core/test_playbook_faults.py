"""Every mistake of every playbook at once, each with file, line, column and advice; the healthy ones run."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from runner.errors import ExitCode
from tests.core.world import World

FAULTY = Path(__file__).parent / "faulty"


@pytest.fixture
def faulty(world: World) -> World:
    """A workspace with the playbooks of `faulty/`, and somebody who has been synced."""
    for file in FAULTY.glob("*.y*ml"):
        shutil.copyfile(file, world.folder / "playbooks" / file.name)
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
