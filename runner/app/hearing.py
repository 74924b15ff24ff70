"""Whom a sync asks today: the connectors of the settings, and those that told something of themselves."""

from __future__ import annotations

from connectors.base import Listener, Source
from connectors.feeds.api import Api, ApiSettings
from runner.app.app import App
from runner.errors import WrongUsage
from runner.sync import Heard, those_heard


def sources_today(app: App) -> dict[str, Source]:
    """By name, in the order of the settings; who has a token and no place there comes last."""
    found = dict(app.sources)
    for name in those_heard(app.store):
        if (listener := listener_called(app, name)) is not None:
            found[name] = Heard(app.store, name, listener, customers=app.settings.customers)
    return found


def listener_called(app: App, name: str) -> Listener | None:
    """Who reads what is told under this name; None where it is a mailer's, or nobody's."""
    source = app.sources.get(name)
    if source is None and name != app.plugs.mailer_name:
        return Api(ApiSettings())
    return source if isinstance(source, Listener) else None


def may_tell(app: App, name: str) -> None:
    """Raises WrongUsage where a token of this name would tell under somebody else's."""
    source = app.sources.get(name)
    if source is not None and not isinstance(source, Api):
        raise WrongUsage(f"{name!r} is a connector that is asked ({source.type}); take another name for the token")
    if name == app.plugs.mailer_name:
        raise WrongUsage(f"{name!r} is the mailer; take another name for the token")
