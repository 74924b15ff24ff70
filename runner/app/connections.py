"""The connectors that the settings name, each checked against its own keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import connectors
from connectors.base import ConnectorSettings, Mailer, Source
from connectors.loopback import is_loopback
from runner.errors import Fault, Faults
from runner.settings import MailLimits, Settings, SettingsFile
from runner.yaml_file import YamlFile, closest, validate

#: Keys of `mail:` that are ours and not the connector's.
OURS_OF_MAIL = ("only_to", *MailLimits.model_fields)
#: … and of each connector.
OURS_OF_SOURCE = ("match",)

Kind = TypeVar("Kind", type[Source], type[Mailer])


@dataclass(frozen=True, slots=True)
class Plugs:
    """What the settings connect: each connector's class with its checked settings."""

    sources: Mapping[str, tuple[type[Source], ConnectorSettings]]
    #: By name, the account's own first.
    mailers: Mapping[str, tuple[type[Mailer], ConnectorSettings]]
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()

    @property
    def mailer_name(self) -> str:
        """The account's own."""
        return next(iter(self.mailers))


def plug_in(told: SettingsFile) -> Plugs:
    """The connectors of the settings. Raises Faults with every mistake in their keys."""
    plugs, faults, _ = _read(told)
    if plugs is None or faults:
        raise Faults(faults)
    return plugs


def faults_of(told: SettingsFile) -> tuple[list[Fault], list[Fault]]:
    """The faults and warnings of the connectors' keys and of what belongs together with them."""
    _, faults, warnings = _read(told)
    return faults, warnings


def sources_of(told: SettingsFile) -> Mapping[str, ConnectorSettings]:
    """The settings of each source that can be read, by its name."""
    found, nowhere = {}, list[Fault]()
    for name, keys in told.settings.connectors.items():
        path = ("connectors", name)
        source = _one(told.file, path, keys, OURS_OF_SOURCE, connectors.SOURCES, connectors.source, nowhere)
        if source is not None:
            found[name] = source[1]
    return found


def _read(told: SettingsFile) -> tuple[Plugs | None, list[Fault], list[Fault]]:
    faults: list[Fault] = []
    warnings: list[Fault] = []
    sources, file = {}, told.file
    for name, keys in told.settings.connectors.items():
        found = _one(file, ("connectors", name), keys, OURS_OF_SOURCE, connectors.SOURCES, connectors.source, faults)
        if found is not None:
            sources[name] = found
    mailers = _mailers(told, faults)
    real = any(kind.real for kind, _ in mailers.values()) if mailers else told.settings.mail.get("type") != "outbox"
    _public_url(told, real, faults, warnings)
    for path, keys in _mailer_keys(told.settings):
        limits = validate(file, MailLimits, {key: keys[key] for key in MailLimits.model_fields if key in keys}, at=path)
        faults += limits if isinstance(limits, list) else ()
        only_to = keys.get("only_to", [])
        if not isinstance(only_to, list) or not all(isinstance(address, str) and "@" in address for address in only_to):
            faults.append(told.file.fault((*path, "only_to"), f"must be a list of addresses, is {only_to!r}"))
    unknown = [name for name in told.settings.orders_from or () if name not in told.settings.connectors]
    faults += [
        told.file.fault(("orders_from",), f"there is no connector {name!r}", closest(name, told.settings.connectors))
        for name in unknown
    ]
    plugs = Plugs(sources, mailers, tuple(faults), tuple(warnings)) if mailers else None
    return plugs, faults, warnings


def _mailers(told: SettingsFile, faults: list[Fault]) -> dict[str, tuple[type[Mailer], ConnectorSettings]]:
    """The mailers by name; none where even one cannot be opened."""
    found: dict[str, tuple[type[Mailer], ConnectorSettings]] = {}
    before = len(faults)
    for (path, keys), name in zip(_mailer_keys(told.settings), told.settings.mailers, strict=True):
        if len(path) > 1 and not isinstance(told.settings.mail[name], Mapping):
            faults.append(told.file.fault(path, "is no mailer", "a mailer has a type: and its keys below its name"))
            continue
        mailer = _one(told.file, path, keys, OURS_OF_MAIL, connectors.MAILERS, connectors.mailer, faults)
        if mailer is None:
            continue
        if len(path) > 1 and not mailer[0].real:
            advice = "write mail: {type: outbox}; while it stands there, what playbooks send by any name goes into it"
            faults.append(told.file.fault(path, "is an outbox among named mailers", advice, value=False))
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            advice = "a name has small letters, digits and _"
            faults.append(told.file.fault(path, f"cannot be a mailer's name: {name!r}", advice, value=False))
        found[name] = mailer
    return found if len(faults) == before else {}


def _mailer_keys(settings: Settings) -> list[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Where each mailer's keys stand, and the keys."""
    named = settings.has_named_mailers
    return [(("mail", name) if named else ("mail",), keys) for name, keys in settings.mailers.items()]


def _one(
    file: YamlFile,
    path: tuple[str, ...],
    keys: Mapping[str, Any],
    ours: Iterable[str],
    known: Mapping[str, str],
    find: Callable[[str], Kind],
    faults: list[Fault],
) -> tuple[Kind, ConnectorSettings] | None:
    if "type" not in keys:
        faults.append(file.fault(path, "'type' is missing", f"there are {', '.join(known)}", value=False))
        return None
    try:
        kind = find(str(keys["type"]))
    except KeyError:
        advice = closest(str(keys["type"]), known) or f"there are {', '.join(known)}"
        faults.append(file.fault((*path, "type"), f"there is no {keys['type']!r}", advice))
        return None
    theirs = {key: value for key, value in keys.items() if key not in ours}
    checked = validate(file, kind.settings_model, theirs, at=path)
    if isinstance(checked, list):
        faults += checked
        return None
    return kind, checked


def _public_url(told: SettingsFile, real: bool, faults: list[Fault], warnings: list[Fault]) -> None:
    """Links in real mail lead to https: mail programs unsubscribe nowhere else."""
    url = urlsplit(told.settings.public_url)
    if url.scheme == "https" or is_loopback(url.hostname):
        return
    fault = told.file.fault(
        ("public_url",), "is not https", "mail programs offer one-click unsubscribe over https alone"
    )
    (faults if real else warnings).append(fault)


def open_sources(plugs: Plugs, settings: Settings, workspace: Path) -> dict[str, Source]:
    return {
        name: kind.open(keys, workspace=workspace, timezone=settings.timezone)
        for name, (kind, keys) in plugs.sources.items()
    }


def open_mailer(plugs: Plugs, name: str, workspace: Path, clock: Callable[[], datetime]) -> Mailer:
    kind, keys = plugs.mailers[name]
    return kind(keys, workspace=workspace, clock=clock)  # type: ignore[call-arg]  # each kind has its own __init__
