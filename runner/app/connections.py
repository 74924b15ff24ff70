"""The connectors that the settings name, each checked against its own keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import connectors
from connectors.base import ConnectorSettings, Mailer, Source
from runner.errors import Fault, Faults
from runner.settings import Settings, SettingsFile
from runner.yaml_file import YamlFile, closest, validate

#: Keys of `mail:` that are ours and not the connector's.
OURS_OF_MAIL = ("only_to", "per_hour", "warm_up")
#: … and of each connector.
OURS_OF_SOURCE = ("match",)

Kind = TypeVar("Kind", type[Source], type[Mailer])


@dataclass(frozen=True, slots=True)
class Plugs:
    """What the settings connect: each connector's class with its checked settings."""

    sources: Mapping[str, tuple[type[Source], ConnectorSettings]]
    mailer: tuple[type[Mailer], ConnectorSettings]
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()

    @property
    def mailer_name(self) -> str:
        return self.mailer[0].type


def plug_in(told: SettingsFile) -> Plugs:
    """The connectors of the settings. Raises Faults with every mistake in their keys."""
    plugs, faults = _read(told)
    if plugs is None or faults:
        raise Faults(faults)
    return plugs


def faults_of(told: SettingsFile) -> tuple[list[Fault], list[Fault]]:
    """The faults and warnings of the connectors' keys and of what belongs together with them."""
    plugs, faults = _read(told)
    return faults, list(plugs.warnings) if plugs else []


def _read(told: SettingsFile) -> tuple[Plugs | None, list[Fault]]:
    faults: list[Fault] = []
    sources, file = {}, told.file
    for name, keys in told.settings.connectors.items():
        found = _one(file, ("connectors", name), keys, OURS_OF_SOURCE, connectors.SOURCES, connectors.source, faults)
        if found is not None:
            sources[name] = found
    mailer = _one(file, ("mail",), told.settings.mail, OURS_OF_MAIL, connectors.MAILERS, connectors.mailer, faults)
    if mailer is None:
        return None, faults
    warnings: list[Fault] = []
    _public_url(told, mailer, faults, warnings)
    # Ignored, these would let out more mail than was meant.
    unheeded = faults if mailer[0].real else warnings
    limits: list[tuple[str, ...]] = [("mail", key) for key in ("per_hour", "warm_up") if key in told.settings.mail]
    limits += [("breakers",)] if told.settings.breakers is not None else []
    unheeded += [told.file.fault(path, "is not in this version yet", value=False) for path in limits]
    only_to = told.settings.mail.get("only_to", [])
    if not isinstance(only_to, list) or not all(isinstance(address, str) and "@" in address for address in only_to):
        faults.append(told.file.fault(("mail", "only_to"), f"must be a list of addresses, is {only_to!r}"))
    unknown = [name for name in told.settings.orders_from or () if name not in told.settings.connectors]
    faults += [
        told.file.fault(("orders_from",), f"there is no connector {name!r}", closest(name, told.settings.connectors))
        for name in unknown
    ]
    return Plugs(sources, mailer, tuple(faults), tuple(warnings)), faults


def faults_of_keys(file: YamlFile, document: Mapping[str, Any]) -> list[Fault]:
    """The faults of the connectors' keys where the rest of the settings cannot be read."""
    faults: list[Fault] = []
    written = document.get("connectors")
    for name, keys in written.items() if isinstance(written, Mapping) else ():
        if isinstance(keys, Mapping):
            _one(file, ("connectors", name), keys, OURS_OF_SOURCE, connectors.SOURCES, connectors.source, faults)
    if isinstance(keys := document.get("mail"), Mapping):
        _one(file, ("mail",), keys, OURS_OF_MAIL, connectors.MAILERS, connectors.mailer, faults)
    return faults


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


def _public_url(
    told: SettingsFile, mailer: tuple[type[Mailer], ConnectorSettings], faults: list[Fault], warnings: list[Fault]
) -> None:
    """Links in real mail lead to https: mail programs unsubscribe nowhere else."""
    url = urlsplit(told.settings.public_url)
    if url.scheme == "https" or is_loopback(url.hostname):
        return
    fault = told.file.fault(
        ("public_url",), "is not https", "mail programs offer one-click unsubscribe over https alone"
    )
    (faults if mailer[0].real else warnings).append(fault)


def is_loopback(host: str | None) -> bool:
    return host in ("localhost", "::1") or (host or "").startswith("127.")


def open_sources(plugs: Plugs, settings: Settings, workspace: Path) -> dict[str, Source]:
    return {
        name: kind.open(keys, workspace=workspace, timezone=settings.timezone)
        for name, (kind, keys) in plugs.sources.items()
    }


def open_mailer(plugs: Plugs, workspace: Path, clock: Callable[[], datetime]) -> Mailer:
    kind, keys = plugs.mailer
    return kind(keys, workspace=workspace, clock=clock)  # type: ignore[call-arg]
