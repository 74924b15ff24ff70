"""JSON Schemas of the files that people write, made from the models; editors complete and check by them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from runner.actions import ACTIONS
from runner.playbook import PlaybookKeys
from runner.settings import Settings
from runner.triggers import TRIGGERS

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def playbook_schema() -> dict[str, Any]:
    """A playbook's keys, with exactly one trigger and steps of one action each."""
    schema = _of(PlaybookKeys)
    schema["properties"]["trigger"] = _one_of(TRIGGERS, "What makes a contact enter: one of these.")
    schema["properties"]["actions"] = {
        "type": "array",
        "minItems": 1,
        "description": "The steps, in order.",
        "items": _one_of(ACTIONS, "What the step does: one of these."),
    }
    wait = schema["properties"]["actions"]["items"]["oneOf"]
    for entry in wait:
        if "wait" in entry["properties"]:
            entry["properties"]["wait"] = {"type": "string", "description": _words(ACTIONS["wait"])}
    return {"$schema": DRAFT, "title": "A Regulars playbook", **schema}


def settings_schema() -> dict[str, Any]:
    return {"$schema": DRAFT, "title": "regulars.yaml", **_of(Settings)}


def _of(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    schema.pop("title", None)
    _describe(schema, model)
    return schema


def _one_of(models: Mapping[str, type[BaseModel]], words: str) -> dict[str, Any]:
    return {
        "description": words,
        "oneOf": [
            {
                "type": "object",
                "required": [name],
                "additionalProperties": False,
                "properties": {name: _inlined(_of(model)) | {"description": _words(model)}},
            }
            for name, model in models.items()
        ],
    }


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Without definitions of its own: a schema inside another one has no place for them."""
    definitions = schema.pop("$defs", {})

    def resolve(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return resolve(definitions[node["$ref"].rpartition("/")[2]])
            return {key: resolve(value) for key, value in node.items()}
        return [resolve(part) for part in node] if isinstance(node, list) else node

    resolved: dict[str, Any] = resolve(schema)
    return resolved


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """The `#:` comment above each field is its description."""
    words = comments(model)
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key in schema.get("properties", {}) and name in words:
            schema["properties"][key]["description"] = words[name]
            schema["properties"][key].pop("title", None)


def comments(model: type[BaseModel]) -> dict[str, str]:
    """Field → the `#:` comment above it, in the model and what it inherits from."""
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if not issubclass(kind, BaseModel) or kind is BaseModel:
            continue
        told: list[str] = []
        for line in inspect.getsource(kind).splitlines():
            text = line.strip()
            if text.startswith("#: "):
                told.append(text[3:])
            else:
                name = text.partition(":")[0]
                if told and name.isidentifier():
                    found[name] = " ".join(told)
                told = []
    return found


def _words(model: type[BaseModel]) -> str:
    return inspect.getdoc(model) or ""
