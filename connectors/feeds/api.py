"""A shop or product that tells of itself at `/api/events`, under a token of this connector's name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import ValidationError

from connectors.base import ConnectorSettings, Listener
from connectors.feeds.told import Batch
from connectors.records import Record


class ApiSettings(ConnectorSettings):
    """`{type: api}`; needed only for a place among the connectors, and for `match:`."""

    type: Literal["api"] = "api"


class Api(Listener):
    """What a shop or product tells at `/api/events`, under a token of this connector's name."""

    type = "api"
    settings_model = ApiSettings

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings

    @classmethod
    def open(cls, settings: ApiSettings, **_: object) -> Api:
        return cls(settings)

    def records(self, body: bytes, *, customers: str) -> Iterator[Record]:
        try:
            batch = Batch.model_validate_json(body)
        except ValidationError as error:
            # An older version took it, or the model has changed since.
            raise ValueError(f"is no batch of events: {error.error_count()} faults") from error
        return batch.records(customers=customers)
