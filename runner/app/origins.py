"""The settings as they are in force, key by key, each with where it comes from; what is secret is not shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any

from pydantic import BaseModel, SecretStr

from runner.app.app import App
from runner.settings import FILE, SettingsFile
from runner.yaml_types import without_password

#: Keys whose value opens something, wherever they stand; a connector's keys are its own.
_SECRET = re.compile(r"(^|_)(secret|secrets|token|tokens|password|key|api_key|webhook_key|client_secret|dsn)$")
_HIDDEN = "••••••••"


@dataclass(frozen=True, slots=True)
class Setting:
    """One key in force."""

    key: str
    value: str
    #: `regulars.yaml, line 12`, or `usual`.
    origin: str
    is_secret: bool = False
    #: Variables of the environment that stand in it.
    variables: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        return self.key.partition(".")[0]


def settings_in_force(app: App) -> list[Setting]:
    """In the order of the reference; what nobody wrote shows what is usual."""
    told = app.told
    return [
        _setting(told, path, value)
        for path, value in _leaves(told.settings)
        if value is not None or _written(told.file.document, path) is not None
    ]


def _leaves(part: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every key that has a value of its own."""
    match part:
        case BaseModel():
            for name, field in type(part).model_fields.items():
                yield from _leaves(getattr(part, name), (*path, field.alias or name))
            for name, value in (part.model_extra or {}).items():
                yield from _leaves(value, (*path, name))
        case Mapping() if part:
            for name, below in part.items():
                yield from _leaves(below, (*path, str(name)))
        case _:
            yield path, part


def _setting(told: SettingsFile, path: tuple[str, ...], value: Any) -> Setting:
    written = _written(told.file.document, path)
    secret = isinstance(value, SecretStr) or _SECRET.search(path[-1]) is not None or _holds_secrets(value)
    variables = tuple(re.findall(r"\$\{(\w+)\}", str(written))) if written is not None else ()
    origin = f"{FILE}, line {told.file.locate(path)[0]}" if written is not None else "usual"
    # What a variable holds may be secret, whatever it is called: the file's own words say enough.
    said = written if isinstance(written, str) else value
    shown = _HIDDEN if secret and value else str(written) if variables else _shown(said, path[0])
    return Setting(".".join(path), shown, origin, secret, variables)


def _holds_secrets(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(one, SecretStr) for one in value)


def _written(document: Any, path: Sequence[str]) -> Any:
    """What stands in the file at this path; None where nothing does."""
    for part in path:
        if not isinstance(document, Mapping) or part not in document:
            return None
        document = document[part]
    return document


def _shown(value: Any, group: str) -> str:
    match value:
        case None | () | {}:
            return "none"
        case bool():
            return "yes" if value else "no"
        case time():
            return f"{value:%H:%M}"
        case list() | tuple() | frozenset():
            return ", ".join(_shown(one, group) for one in value) or "none"
        case str() if group == "webhooks" and "://" in value:
            # A webhook's path is often its key.
            return "/".join(without_password(value).split("/")[:3]) + "/…"
        case str():
            return without_password(value)
    return str(value)
