"""Writes what the reference pages and JSON Schemas say of the code anew: `python tools/write_reference.py`.

A trigger, action, setting, command or table is described where it is defined: by its docstring, the `#:` comments above
its fields, its defaults and its help. On docs/reference/*.md that stands between `<!-- begin … -->` and
`<!-- end … -->`; all else on those pages is written by hand.
"""

from __future__ import annotations

import inspect
import json
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import time
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import connectors
from connectors.records import TABLES, Record, columns
from runner import actions, playbook, settings, triggers
from runner.app.schema import comments, playbook_schema, settings_schema
from runner.cli.main import app
from runner.conditions.fields import known_fields
from runner.duration import Duration
from runner.web.openapi import document

DOCS = Path(__file__).resolve().parent.parent / "docs"


def pages() -> Iterator[tuple[Path, str]]:
    """Every page and schema, as it must be."""
    for path in sorted((DOCS / "reference").glob("*.md")):
        yield path, with_sections(path.read_text(encoding="utf-8"))
    yield DOCS / "playbook.schema.json", _json(playbook_schema())
    yield DOCS / "settings.schema.json", _json(settings_schema())
    yield DOCS / "openapi.json", _json(document("https://hello.acme.example"))


def with_sections(page: str) -> str:
    """The page with all that stands between its marks written anew. Raises KeyError for a mark without a meaning."""
    marked = re.compile(r"<!-- begin (?P<name>[\w ]+) -->\n.*?<!-- end (?P=name) -->", re.DOTALL)
    return marked.sub(lambda found: _between_marks(found["name"]), page)


def _between_marks(name: str) -> str:
    text = re.sub(r"\n{3,}", "\n\n", SECTIONS[name]()).strip()
    return f"<!-- begin {name} -->\n\n{text}\n\n<!-- end {name} -->"


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


# --- the keys of models


def keys(model: type[BaseModel], *, without: Iterable[str] = ()) -> str:
    """A model's keys as a table."""
    words = comments(model)
    rows = [
        f"| `{field.alias or name}` | {_takes(field.annotation, name)} | {_default(field)} | {words.get(name, '')} |"
        for name, field in model.model_fields.items()
        if name not in without and not _is_awaited(field)
    ]
    return "\n".join(["| key | takes | unless given | |", "| --- | --- | --- | --- |", *rows]) + "\n"


def _is_awaited(field: FieldInfo) -> bool:
    """A key of the language that this version does not act on."""
    return field.annotation is Any and not field.is_required()


def _awaited(models: Mapping[str, type[BaseModel]]) -> list[str]:
    """`schedule.cron`: those keys, each with its trigger or action."""
    return [
        f"{name}.{key}"
        for name, model in models.items()
        for key, field in model.model_fields.items()
        if _is_awaited(field)
    ]


def _playbook_not_yet() -> list[str]:
    return [name.partition(".")[2] for name in _awaited({"": playbook.PlaybookKeys})]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    match field.get_default(call_default_factory=True):
        case Enum() as choice:
            return f"`{choice.value}`"
        case time() as hour:
            return f'`"{hour:%H:%M}"`'
        case bool() as truth:
            return "yes" if truth else "no"
        case Duration() | int() | float() | str() | Path() as value if str(value):
            return f"`{value}`"
    return ""


_WORDS: Mapping[Any, str] = {
    Duration: "a duration",
    time: "an hour",
    bool: "yes or no",
    int: "a number",
    float: "a number",
    str: "text",
    Path: "a path",
    Any: "",
}


def _takes(annotation: Any, key: str = "") -> str:
    """What a key takes, in words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in _WORDS:
        return _WORDS[annotation]
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(filter(None, (_takes(one, key) for one in inner if one is not type(None)))))
    if origin in (tuple, list):
        return "a list"
    if hasattr(annotation, "__metadata__"):
        return _takes(inner[0]) if inner else _takes(annotation.__origin__)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{choice.value}`" for choice in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[keys](#{key})" if key else "text"
    return "text, kept secret" if "Secret" in str(annotation) else "keys"


def _parts(model: type[BaseModel], heading: str = "###") -> str:
    """The keys that have keys of their own, however deep."""
    return "\n".join(f"{heading} {name}\n\n{_doc(part)}\n\n{keys(part)}" for name, part in _parts_of(model).items())


def _parts_of(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    found: dict[str, type[BaseModel]] = {}
    for name, field in model.model_fields.items():
        for one in _models_in(field.annotation):
            found |= {name: one, **_parts_of(one)}
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for below in get_args(annotation):
        yield from _models_in(below)


def _doc(model: type) -> str:
    """The first paragraph of the docstring, on one line."""
    return " ".join((inspect.getdoc(model) or "").split("\n\n")[0].split())


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


# --- triggers and actions


def _triggers() -> str:
    return "\n".join(
        f"## {name}\n\n{_doc(model)} Its occasion: {model.its_occasion}.\n\n"
        f"```yaml\ntrigger:\n  {model.example}\n```\n\n{keys(model)}"
        for name, model in triggers.TRIGGERS.items()
    )


def _actions() -> str:
    return "\n".join(
        f"## {name}\n\n{_doc(model)}\n\n```yaml\nactions:\n  - {model.example}\n```\n\n{_keys_of_step(model)}"
        for name, model in actions.ACTIONS.items()
    )


def _keys_of_step(model: type[actions.Action]) -> str:
    """Its keys, and those of what it is a list of; of one that is a list itself these alone."""
    parts = {name: part for name, field in model.model_fields.items() if (part := _listed_model(field)) is not None}
    hidden = ["id"] if model.model_fields["id"].annotation is type(None) else []
    own = "" if hidden and parts else keys(model, without=hidden)
    return own + "\n".join(f"\n{_doc(part)}\n\n{keys(part)}" for part in parts.values())


def _listed_model(field: FieldInfo) -> type[BaseModel] | None:
    inner = get_args(field.annotation) if get_origin(field.annotation) is tuple else ()
    return next((one for one in inner if isinstance(one, type) and issubclass(one, BaseModel)), None)


# --- settings


def _connectors(known: Mapping[str, str], find: Callable[[str], Any]) -> str:
    return "\n".join(_connector(name, find(name)) for name in known)


def _connector(name: str, kind: Any) -> str:
    told = f"### {name}\n\n{_doc(kind)}\n\n{keys(kind.settings_model, without=['type'])}"
    return f"{told}\n{parts}" if (parts := _parts(kind.settings_model, "####")) else told


def _not_in_yet() -> list[str]:
    """The keys of the settings that this version does not act on."""
    return [name for name, field in settings.Settings.model_fields.items() if _is_awaited(field)]


# --- commands


def _commands() -> str:
    group = typer.main.get_command(app)
    return "\n".join(_command(name, command) for name, command in group.commands.items())  # type: ignore[attr-defined]


def _command(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and "-C" not in p.opts and p.name != "help"]
    shown = "".join(f" {_named(p)}" if p.required else f" [{_named(p)}]" for p in arguments)
    rows = [f"| `{_named(p)}` | {p.help or ''} |" for p in arguments if getattr(p, "help", None)]
    rows += [f"| `{_option(p)}` | {p.help or ''}{_otherwise(p)} |" for p in options]
    table = "\n".join(["| | |", "| --- | --- |", *rows]) + "\n" if rows else ""
    return f"## {name}\n\n`regulars {name}{shown}{' [OPTIONS]' if options else ''}`\n\n{command.help}\n\n{table}"


def _named(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper()).replace("|", " or ")


def _option(parameter: Any) -> str:
    flag = str(parameter.opts[0])
    return flag if parameter.is_flag else f"{flag} {parameter.metavar or _type(parameter)}"


def _type(parameter: Any) -> str:
    """Numbers and texts that have no word of their own."""
    return "NUMBER" if isinstance(parameter.default, int) or parameter.name == "limit" else parameter.name.upper()


def _otherwise(parameter: Any) -> str:
    return "" if parameter.is_flag or parameter.default is None else f" Unless given: `{parameter.default}`."


# --- tables and fields

_COLUMN_WORDS = {
    "str": "text",
    "bool": "yes or no",
    "int": "number",
    "float": "number",
    "Decimal": "decimal",
    "date": "date",
    "datetime": "time",
}


def _tables() -> str:
    return "\n".join(_table(record) for record in TABLES)


def _table(record: type[Record]) -> str:
    cells = [
        f"**`{column.name}`** {_COLUMN_WORDS[column.type.__name__]}"
        if column.required
        else f"`{column.name}` {_COLUMN_WORDS[column.type.__name__]}"
        for column in columns(record)
    ]
    own = " · *and your own*" if record.takes_custom else ""
    return f"## {record.table}\n\n{_doc(record)}\n\n{' · '.join(cells)}{own}\n"


def _fields() -> str:
    known = known_fields(None)
    rows = [f"| `{name}` | {known[name].kind} |" for name in known.names]
    return "\n".join(["| field | holds |", "| --- | --- |", *rows])


SECTIONS: Mapping[str, Callable[[], str]] = {
    "playbook keys": lambda: keys(playbook.PlaybookKeys),
    "playbook parts": lambda: _parts(playbook.PlaybookKeys),
    "playbook not yet": lambda: _listed(_playbook_not_yet()),
    "triggers": _triggers,
    "triggers not yet": lambda: _listed([*triggers.NOT_YET, *_awaited(triggers.TRIGGERS)]),
    "actions": _actions,
    "actions not yet": lambda: _listed([*actions.NOT_YET, *dict.fromkeys(_awaited(actions.ACTIONS))]),
    "settings keys": lambda: keys(settings.Settings, without=settings.NOT_YET),
    "settings parts": lambda: _parts(settings.Settings),
    "settings not yet": lambda: _listed(_not_in_yet()),
    "connectors": lambda: _connectors(connectors.SOURCES, connectors.source),
    "mailers": lambda: _connectors(connectors.MAILERS, connectors.mailer),
    "commands": _commands,
    "tables": _tables,
    "fields": _fields,
}


if __name__ == "__main__":
    for path, text in pages():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(DOCS.parent))
