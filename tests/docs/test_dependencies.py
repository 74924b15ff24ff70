"""docs/dependencies.md says of each package why it is here; the locks hold what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.conftest import REPOSITORY

PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
RUNTIME: list[str] = PYPROJECT["project"]["dependencies"]
DEV = [wanted for group in PYPROJECT["dependency-groups"].values() for wanted in group if isinstance(wanted, str)]


def _name(requirement: str) -> str:
    return re.split(r"[<>=!~]", requirement)[0]


def _locked(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (REPOSITORY / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize("requirement", [*RUNTIME, *DEV])
def test_every_dependency_has_its_reason_in_the_docs(requirement: str) -> None:
    firsts = re.findall(r"^\| ([^|]+) \|", (REPOSITORY / "docs/dependencies.md").read_text(), re.MULTILINE)
    assert _name(requirement) in {name for first in firsts for name in first.split(", ")}


def test_the_docs_name_no_dependency_that_is_not_there() -> None:
    firsts = re.findall(r"^\| ([^|]+) \|", (REPOSITORY / "docs/dependencies.md").read_text(), re.MULTILINE)
    named = {name for first in firsts for name in first.split(", ")} - {"package", "---"}
    assert named == {_name(requirement) for requirement in [*RUNTIME, *DEV]}


def test_both_locks_agree_on_every_version() -> None:
    runtime, dev = _locked("requirements.lock"), _locked("requirements-dev.lock")
    assert runtime == {name: dev.get(name) for name in runtime}


@pytest.mark.parametrize(
    ("lock", "wanted"), [("requirements.lock", RUNTIME), ("requirements-dev.lock", [*RUNTIME, *DEV])]
)
def test_the_lock_holds_what_is_asked_for(lock: str, wanted: list[str]) -> None:
    names = {_name(requirement).split("[")[0].replace(".", "-") for requirement in wanted}
    assert names <= set(_locked(lock))


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_lock_names_no_address(lock: str) -> None:
    assert not re.search(r"https?://|--index|--find-links|file:", (REPOSITORY / lock).read_text())
