"""JSON Schemas of the files that people write, made from the models; editors complete and check by them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from runner.actions import ACTIONS, Action
from runner.playbook import PlaybookKeys
from runner.settings import Settings
from runner.triggers import TRIGGERS

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def playbook_schema() -> dict[str, Any]:
    """A playbook's keys, with exactly one trigger and steps of one action each, steps within steps as well."""
    schema = _of(PlaybookKeys)
    schema["properties"]["trigger"] = _one_of(TRIGGERS, "What makes a contact enter: one of these.")
    schema["properties"]["trigger"]["oneOf"].append({"enum": _without_keys(TRIGGERS)})
    schema["properties"]["actions"] = {"minItems": 1, "description": "The steps, in order.", **_STEPS}
    schema.setdefault("$defs", {})["steps"] = {
        "type": "array",
        "items": _one_of(ACTIONS, "What the step does: one of these."),
    }
    whole: dict[str, Any] = _with_steps({"$schema": DRAFT, "title": "A Regulars playbook", **schema})
    return whole


def _without_keys(models: Mapping[str, type[BaseModel]]) -> list[str]:
    """Those that may stand as a bare word: `trigger: manual`."""
    return [name for name, model in models.items() if not any(f.is_required() for f in model.model_fields.values())]


_STEPS = {"$ref": "#/$defs/steps"}


def _with_steps(node: Any) -> Any:
    """The steps within a step are what those of a playbook are."""
    if isinstance(node, dict):
        return _STEPS if node.get("steps") is True else {key: _with_steps(value) for key, value in node.items()}
    return [_with_steps(part) for part in node] if isinstance(node, list) else node


def settings_schema() -> dict[str, Any]:
    return {"$schema": DRAFT, "title": "regulars.yaml", **_of(Settings)}


def _of(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    schema.pop("title", None)
    _describe(schema, model)
    return schema


def described(model: type[BaseModel], reference: str) -> dict[str, Any]:
    """The schema of a model that other documents take in; `reference` is where the models it is made of stand there."""
    schema = model.model_json_schema(by_alias=True, ref_template=reference)
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
                "properties": {name: _written(model) | {"description": _words(model)}},
            }
            for name, model in models.items()
        ],
    }


def _written(model: type[BaseModel]) -> dict[str, Any]:
    schema = _inlined(_of(model))
    return model.written(schema) if issubclass(model, Action) else schema


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
    """The `#:` comment above each field is its description, in the model and in what it is made of."""
    _describe_fields(schema, model)
    for part in _parts_of(model):
        if part.__name__ in schema.get("$defs", {}):
            _describe_fields(schema["$defs"][part.__name__], part)


def _describe_fields(schema: dict[str, Any], model: type[BaseModel]) -> None:
    words = comments(model)
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key in schema.get("properties", {}):
            schema["properties"][key].pop("title", None)
            if name in words:
                schema["properties"][key]["description"] = words[name]
    schema.pop("title", None)


def _parts_of(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The models that a model's fields are made of, however deep."""
    for field in model.model_fields.values():
        for part in _types_in(field.annotation):
            if issubclass(part, BaseModel):
                yield part
                yield from _parts_of(part)


def _types_in(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for part in get_args(annotation):
        yield from _types_in(part)


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
