"""The JSON Schemas: what the product reads they let through, what it refuses they mark, with words for each key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from runner import settings
from runner.app.schema import playbook_schema, settings_schema
from runner.app.starters import write_workspace

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PLAYBOOKS = sorted([*REPOSITORY.glob("playbooks/*.yaml"), *REPOSITORY.glob("examples/*/playbooks/*.yaml")])
SETTINGS = [REPOSITORY / "regulars.yaml", *REPOSITORY.glob("examples/*/regulars.yaml")]
MAIL = {"send_email": {"id": "a", "template": "email/x", "subject": "Hi"}}


def document(path: Path) -> Any:
    return json.loads(json.dumps(YAML(typ="safe").load(path.read_text(encoding="utf-8")), default=str))


def playbook(**keys: Any) -> dict[str, Any]:
    return {"name": "p", "trigger": {"anniversary": {}}, "actions": [MAIL], **keys}


def _arm(name: str, share: object, *actions: Any) -> dict[str, Any]:
    return {"name": name, "share": share, "actions": list(actions)}


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    return Draft202012Validator(playbook_schema())


def test_both_are_schemas() -> None:
    for made in (playbook_schema(), settings_schema()):
        Draft202012Validator.check_schema(made)
        assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_every_playbook_that_ships_fits(schema: Draft202012Validator, path: Path) -> None:
    assert [error.message for error in schema.iter_errors(document(path))] == []


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: path.parent.name)
def test_the_settings_that_ship_fit(path: Path) -> None:
    validator = Draft202012Validator(settings_schema())
    assert [error.message for error in validator.iter_errors(document(path))] == []


def _schema_named_in(path: Path) -> Any:
    """What an editor finds where the first line of a file says its schema is."""
    mark, _, place = path.read_text(encoding="utf-8").splitlines()[0].partition("$schema=")
    assert mark == "# yaml-language-server: "
    return json.loads((path.parent / place).read_text(encoding="utf-8"))


def test_every_file_that_ships_tells_editors_where_its_schema_is() -> None:
    assert {str(_schema_named_in(path)["title"]) for path in PLAYBOOKS} == {"A Regulars playbook"}
    assert {str(_schema_named_in(path)["title"]) for path in SETTINGS} == {"regulars.yaml"}


def test_in_a_new_workspace_editors_find_the_schemas_too(tmp_path: Path) -> None:
    write_workspace(tmp_path)
    written = sorted(tmp_path.glob("playbooks/*.yaml"))
    found = [_schema_named_in(path) for path in written]
    assert (len(found), found[0]) == (31, playbook_schema())
    assert all(schema == found[0] for schema in found)
    assert _schema_named_in(tmp_path / "regulars.yaml") == settings_schema()


@pytest.mark.parametrize(
    "actions",
    [
        [{"wait": "3 days"}],
        [{"wait": {"until": "mon 09:00"}}],
        [{"wait": {"for": {"event": "order"}, "at_most": "7 days"}}],
        [{"stop": "enough"}],
        [{"choose": [{"when": "answer.score <= 6", "actions": [MAIL]}, {"otherwise": []}]}],
        [{"split": {"arms": [_arm("a", "50%", MAIL), _arm("b", 0.5)]}}],
    ],
)
def test_steps_fit_in_every_way_in_which_they_may_be_written(schema: Draft202012Validator, actions: list[Any]) -> None:
    assert [error.message for error in schema.iter_errors(playbook(actions=actions))] == []


@pytest.mark.parametrize(
    "keys",
    [
        {"actions": []},
        {"actions": [{"send_mail": {}}]},
        {"actions": [{"wait": {"until": "noon"}}]},
        {"actions": [{"choose": [{"when": "true", "actions": [{"send_mail": {}}]}]}]},
        {"holdout": "ten"},
        {"audiense": "true"},
        {"trigger": {"anniversary": {}, "schedule": {}}},
        {"mode": "queued"},
    ],
)
def test_what_is_a_fault_is_marked(schema: Draft202012Validator, keys: dict[str, Any]) -> None:
    assert list(schema.iter_errors(playbook(**keys)))


def test_every_key_has_words() -> None:
    bare = [path for made in (playbook_schema(), settings_schema()) for path in _without_words(made, made["title"])]
    assert bare == []


def _without_words(node: Any, path: str) -> Iterator[str]:
    if isinstance(node, dict):
        for name, below in node.get("properties", {}).items() if isinstance(node.get("properties"), dict) else ():
            if isinstance(below, dict) and "description" not in below and name not in _SELF_EVIDENT:
                yield f"{path}.{name}"
        for name, below in node.items():
            yield from _without_words(below, f"{path}.{name}")
    if isinstance(node, list):
        for part in node:
            yield from _without_words(part, path)


#: Names that say it all, and keys that `check` says are not in this version yet.
_SELF_EVIDENT = {"name", "email", "enabled", "goal", "limits", "brake", "sender", "connectors", "mail", "caps"} | {
    *("event", "actions", "to", "breakers", *settings.NOT_YET)
}
