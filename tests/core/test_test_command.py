"""`regulars test`: how it ends, what it prints, and the XML that continuous integration reads."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from runner.cli.main import main
from tests.core.test_playbook_tests import BIRTHDAY, HELLO, ON_THE_DAY, Workspace

Call = Callable[..., tuple[int, str, str]]
PASSES = f"given: {ON_THE_DAY}\nexpect: [hello]"
FAILS = "given: {now: 2027-05-04T09:00, contact: {birthday: 1990-05-05}}\nexpect: [hello]"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def call(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    def called(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["regulars", "-C", str(workspace.folder), "test", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return called


def test_each_test_is_a_line_and_all_passed_is_0(workspace: Workspace, call: Call) -> None:
    workspace.playbook(BIRTHDAY, PASSES, PASSES, id="wish")
    workspace.write("playbooks/bare.yaml", f"name: bare\n{BIRTHDAY}{HELLO}")
    code, out, err = call()
    assert (code, out.splitlines()) == (0, ["ok      wish: test 1", "ok      wish: test 2"])
    assert err.splitlines() == ["without tests: bare", "2 tests, 0 failed, 0 faults"]


def test_a_failed_test_says_where_it_stands_what_happened_and_why_and_ends_with_1(
    workspace: Workspace, call: Call
) -> None:
    workspace.playbook(BIRTHDAY, FAILS, id="wish")
    code, out, err = call()
    assert (code, err) == (1, "1 test, 1 failed, 0 faults\n")
    assert out.splitlines() == [
        "failed  wish: test 1",
        "        playbooks/wish.yaml:6",
        "        expected to be done: hello; done: nothing",
        "        nothing happened",
        "        no: trigger: anniversary of contact.birthday at 09:00 (contact.birthday is 1990-05-05)",
    ]


def test_a_broken_playbook_is_a_fault_and_the_others_are_tested(workspace: Workspace, call: Call) -> None:
    workspace.playbook(BIRTHDAY, PASSES, id="wish")
    workspace.playbook(BIRTHDAY, "given: {now: soon}\nexpect: [hello]", id="broken")
    code, out, err = call()
    assert (code, err) == (1, "1 test, 0 failed, 1 fault\n")
    assert out.splitlines() == [
        "ok      wish: test 1",
        "playbooks/broken.yaml:7:18: tests[0].given.now: "
        "must be a time such as 2027-02-28T09:00 or '3 days ago', is 'soon'",
    ]


def test_one_playbook_is_tested_by_its_id_or_its_file(workspace: Workspace, call: Call) -> None:
    workspace.playbook(BIRTHDAY, PASSES, id="wish")
    workspace.playbook(BIRTHDAY, FAILS, id="other")
    assert call("wish")[0] == call("playbooks/wish.yaml")[0] == 0
    assert call("whish")[::2] == (2, "there is no playbook 'whish'; did you mean 'wish'?\n")


def test_json_is_only_json(workspace: Workspace, call: Call) -> None:
    workspace.playbook(BIRTHDAY, PASSES, FAILS, id="wish")
    code, out, _ = call("--json")
    (wish,) = json.loads(out)["playbooks"]
    assert (code, wish["playbook"], wish["file"]) == (1, "wish", "playbooks/wish.yaml")
    passed, failed = wish["tests"]
    assert (passed["passed"], passed["log"][-1]["reason"]) == (True, "37 years since birthday 1990-05-04")
    assert (failed["failures"], failed["line"]) == (["expected to be done: hello; done: nothing"], 9)


# --- JUnit


def xml(workspace: Workspace, call: Call) -> ElementTree.Element:
    file = workspace.folder / "reports/junit.xml"
    call("--junit", str(file))
    return ElementTree.parse(file).getroot()


def test_the_xml_counts_suites_tests_failures_and_errors(workspace: Workspace, call: Call) -> None:
    workspace.playbook(BIRTHDAY, PASSES, FAILS, id="wish")
    workspace.playbook(BIRTHDAY, "given: {}\nexpect: [hello]", id="broken")
    root = xml(workspace, call)
    counts = {suite.get("name"): [suite.get(name) for name in ("tests", "failures", "errors")] for suite in root}
    assert counts == {"wish": ["2", "1", "0"], "broken": ["1", "0", "1"]}
    assert [root.get(name) for name in ("tests", "failures", "errors")] == ["3", "1", "1"]
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.get("message") == "expected to be done: hello; done: nothing"
    assert (failure.text or "").splitlines()[1] == "nothing happened"


def test_the_xml_holds_any_text(workspace: Workspace, call: Call) -> None:
    workspace.playbook(BIRTHDAY, PASSES, id="wish")
    file = workspace.folder / "playbooks/wish.yaml"
    file.write_text(file.read_text().replace("test 1", '"<&>\\" \\x1b[31m ż \\0"'), encoding="utf-8")
    (case,) = xml(workspace, call).iter("testcase")
    assert case.get("name") == '<&>" #x1B[31m ż #x00'


def test_the_xml_has_what_pytests_own_has(workspace: Workspace, call: Call) -> None:
    """Whatever reads theirs reads ours; only the machine's name is not told."""
    workspace.playbook(BIRTHDAY, PASSES, FAILS, id="wish")
    workspace.write("test_it.py", "def test_good(): pass\ndef test_bad(): assert False\n")
    file = workspace.folder / "theirs.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--junitxml={file}"]
    subprocess.run([*command, "test_it.py"], cwd=workspace.folder, capture_output=True, check=False)
    theirs, ours = ElementTree.parse(file).getroot(), xml(workspace, call)
    for path in (".", "testsuite", "testsuite/testcase", "testsuite/testcase/failure"):
        their, our = theirs.find(path), ours.find(path)
        assert their is not None, path
        assert our is not None, path
        assert set(their.attrib) - {"hostname"} <= set(our.attrib), path
