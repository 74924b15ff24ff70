"""Reads `regulars.yaml`, with variables of the environment filled in; every mistake in it is a fault."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.errors import Fault, Faults
from runner.settings.model import NOT_YET, Settings
from runner.yaml_file import YamlFile, read_yaml, salvaged, validate

FILE = "regulars.yaml"
_NEW_SECRET = "give it one: whsec_ and what `openssl rand -base64 32` prints"


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """The settings, the file they stand in, and what is worth a warning."""

    settings: Settings
    file: YamlFile
    warnings: tuple[Fault, ...]


def load_settings(workspace: Path, environment: Mapping[str, str] | None = None) -> SettingsFile:
    """The workspace's settings. Raises Faults with every mistake found."""
    told, faults = read_settings(workspace, environment)
    if faults or told is None:
        raise Faults(faults)
    return told


def read_settings(
    workspace: Path, environment: Mapping[str, str] | None = None
) -> tuple[SettingsFile | None, list[Fault]]:
    """The settings as far as they can be read, with every mistake in them: what is at fault is as if not written."""
    path = workspace / FILE
    if not path.exists():
        words, advice = f"there is none in {workspace}", "run `regulars init DIR` or give one with -C DIR"
        return None, [Fault(FILE, 0, 0, "", words, advice)]
    file = read_yaml(path, FILE)
    if isinstance(file, Fault):
        return None, [file]
    if not isinstance(file.document, dict):
        return None, [Fault(FILE, 1, 1, "", "is empty", "`regulars init DIR` writes one to start from")]
    document, missing = _with_variables(file, file.document, (), _variables(workspace, environment))
    settings = validate(file, Settings, document)
    told = {fault.where for fault in missing}
    wrong = [fault for fault in settings if fault.where not in told] if isinstance(settings, list) else []
    readable = salvaged(Settings, document, _INSTEAD) if isinstance(settings, list) else settings
    if readable is None:
        return None, [*missing, *wrong]
    warnings = [
        file.fault((key,), "not in this version yet: it is ignored", value=False)
        for key in NOT_YET
        if key in file.document
    ]
    warnings += [
        file.fault(("webhooks", name), "has no secret: its receiver cannot tell that a message is ours", _NEW_SECRET)
        for name, hook in readable.webhooks.items()
        if not hook.secrets and hook.style == "standard"
    ]
    return SettingsFile(readable, file, tuple(warnings)), [*missing, *wrong]


#: What stands for a key that is missing or at fault while the others are looked at.
_INSTEAD = {
    "public_url": "https://hello.acme.example",
    "secret": "signs nothing that is sent",
    "sender": {"name": "Acme", "email": "hello@acme.example", "address": "1 Main St"},
    "mail": {"type": "outbox"},
}


def _variables(workspace: Path, environment: Mapping[str, str] | None) -> dict[str, str]:
    """`.env` beside the settings, under the process's environment."""
    from dotenv import dotenv_values

    told = {k: v for k, v in dotenv_values(workspace / ".env").items() if v is not None}
    return told | dict(os.environ if environment is None else environment)


def _with_variables(
    file: YamlFile, node: Any, path: tuple[str | int, ...], known: Mapping[str, str]
) -> tuple[Any, list[Fault]]:
    """The document with each `${NAME}` replaced, and a fault for each name that is nowhere."""
    faults: list[Fault] = []
    if isinstance(node, dict):
        filled: Any = {}
        for key, below in node.items():
            filled[key], more = _with_variables(file, below, (*path, key), known)
            faults += more
        return filled, faults
    if isinstance(node, list):
        parts = [_with_variables(file, below, (*path, index), known) for index, below in enumerate(node)]
        return [part for part, _ in parts], [fault for _, more in parts for fault in more]
    if isinstance(node, str):
        for name in re.findall(r"\$\{(\w+)\}", node):
            if name not in known:
                faults.append(
                    file.fault(path, f"the variable {name} is not set", f"set {name} in the environment or in .env")
                )
        return re.sub(r"\$\{(\w+)\}", lambda found: known.get(found[1], ""), node), faults
    return node, faults
