"""What is kept of a look at the templates never tells anything but what a new look would."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.app.private import PRIVATE
from runner.app.verdicts import verdicts
from runner.errors import Fault
from tests.core.world import TEMPLATE, World

WISH = "trigger: {anniversary: {of: contact.birthday}}"
FAULT = Fault("templates/email/hello.html", 2, 1, "", "contact has no 'nmae'", "did you mean 'name'?")


@pytest.fixture
def wishing(world: World) -> World:
    """A workspace that was looked at once and is healthy."""
    world.playbook("wish", WISH)
    world.person("ada")
    (world.folder / PRIVATE).mkdir(exist_ok=True)
    assert world.check().faults == ()
    assert kept_in(world.folder).is_file()
    return world


def kept_in(workspace: Path) -> Path:
    return workspace / PRIVATE / "verdicts.json"


def never() -> list[Fault]:
    raise AssertionError("asked again")


def test_what_was_found_is_told_again_without_another_look(tmp_path: Path) -> None:
    (tmp_path / PRIVATE).mkdir()
    with verdicts(tmp_path) as known:
        assert known.on(("a mail", {"of": 1}), lambda: [FAULT]) == [FAULT]
    with verdicts(tmp_path) as known:
        assert known.on(("a mail", {"of": 1}), never) == [FAULT]
        assert known.on(("a mail", {"of": 2}), list) == []


def test_an_edited_template_is_looked_at_anew_and_so_is_a_mended_one(wishing: World) -> None:
    wishing.write("templates/email/hello.html", f"{TEMPLATE}\n{{{{ contact.nmae }}}}")
    assert ["nmae" in str(fault) for fault in wishing.check().faults] == [True]
    wishing.write("templates/email/hello.html", TEMPLATE)
    assert wishing.check().faults == ()


def test_an_edited_subject_is_looked_at_anew(wishing: World) -> None:
    subject = "{{ contact.nmae }}"
    wishing.playbook("wish", f"{WISH}\nactions: [{{send_email: {{template: email/hello, subject: '{subject}'}}}}]")
    assert ["nmae" in str(fault) for fault in wishing.check().faults] == [True]


@pytest.mark.parametrize("text", ["", "[]", '{"of": 1}', "half of {", "OTHERS"])
def test_a_kept_file_that_is_broken_or_of_another_version_is_as_if_it_were_not_there(tmp_path: Path, text: str) -> None:
    (tmp_path / PRIVATE).mkdir()
    with verdicts(tmp_path) as known:
        known.on(("a mail",), list)
    document = json.loads(kept_in(tmp_path).read_text(encoding="utf-8"))
    others = json.dumps({**document, "of": "another version"})
    kept_in(tmp_path).write_text(others if text == "OTHERS" else text, encoding="utf-8")
    with verdicts(tmp_path) as known:
        assert known.on(("a mail",), lambda: [FAULT]) == [FAULT]


def test_a_look_at_a_workspace_without_a_private_folder_leaves_none(tmp_path: Path) -> None:
    with verdicts(tmp_path) as known:
        assert known.on(("a mail",), lambda: [FAULT]) == [FAULT]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_nobody_can_read_is_a_state_of_its_own_and_no_fault(tmp_path: Path) -> None:
    unread = tmp_path / "templates/email/hello.html"
    unread.parent.mkdir(parents=True)
    (tmp_path / PRIVATE).mkdir()
    unread.symlink_to("/proc/self/mem")
    with verdicts(tmp_path) as known:
        assert known.on(("a mail",), lambda: [FAULT]) == [FAULT]
    unread.unlink()
    unread.write_text("Hello", encoding="utf-8")
    with verdicts(tmp_path) as known:
        assert known.on(("a mail",), list) == []


def test_templates_in_a_folder_that_is_linked_to_are_looked_at_anew_as_well(tmp_path: Path) -> None:
    for folder in (PRIVATE, "templates", "shared"):
        (tmp_path / folder).mkdir()
    (tmp_path / "templates/email").symlink_to("../shared")
    (tmp_path / "shared/hello.html").write_text("Hello", encoding="utf-8")
    with verdicts(tmp_path) as known:
        assert known.on(("a mail",), list) == []
    (tmp_path / "shared/hello.html").write_text("{{ contact.nmae }}", encoding="utf-8")
    with verdicts(tmp_path) as known:
        assert known.on(("a mail",), lambda: [FAULT]) == [FAULT]
