"""The outside systems by the `type:` that names them in `regulars.yaml`; each is imported when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connectors.base import Mailer, Source

#: type → module:class. Third parties add theirs by the entry point group `regulars.connectors`.
SOURCES: Mapping[str, str] = {
    "api": "connectors.feeds.api:Api",
    "csv": "connectors.crm.csv_folder:CsvFolder",
    "hubspot": "connectors.crm.hubspot:HubSpotSource",
    "imap": "connectors.feeds.imap:Imap",
    "inbound": "connectors.feeds.inbound:Inbound",
    "rss": "connectors.feeds.rss:Rss",
    "surveymonkey": "connectors.feeds.surveymonkey:SurveyMonkey",
}
MAILERS: Mapping[str, str] = {
    "outbox": "connectors.mail.outbox:Outbox",
    "smtp": "connectors.mail.smtp:Smtp",
    "sendgrid": "connectors.mail.sendgrid:SendGridMailer",
}


def source(called: str) -> type[Source]:
    """The source of that type. Raises KeyError where there is none."""
    found: type[Source] = _load(SOURCES, called)
    return found


def mailer(called: str) -> type[Mailer]:
    """The mailer of that type. Raises KeyError where there is none."""
    found: type[Mailer] = _load(MAILERS, called)
    return found


def _load(known: Mapping[str, str], called: str) -> Any:
    if called in known:
        module, _, name = known[called].partition(":")
        return getattr(import_module(module), name)
    for entry in entry_points(group="regulars.connectors"):
        if entry.name == called:
            return entry.load()
    raise KeyError(called)
