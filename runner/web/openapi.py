"""The OpenAPI document of `/api/events`, made of the models that check what is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.feeds.told import MOST, Batch
from runner.app.schema import described

#: Changes that break a caller count it up.
VERSION = "1.0.0"


def document(public_url: str) -> dict[str, Any]:
    """OpenAPI 3.1."""
    schema = described(Batch, "#/components/schemas/{model}")
    parts: dict[str, Any] = schema.pop("$defs")
    return {
        "openapi": "3.1.0",
        "info": {"title": "Regulars: telling of what happened", "version": VERSION, "description": _WORDS},
        "servers": [{"url": public_url}],
        "security": [{"token": []}],
        "paths": {"/api/events": {"post": _operation()}},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Batch": schema, **parts, "Kept": _KEPT, "Faults": _FAULTS},
        },
    }


_WORDS = f"""\
A shop or product tells of orders, refunds, carts, log-ins, usage, tickets, answers and events of its own, up to
{MOST:,} at once. All of a batch is kept, or none of it. Each event is told whole; told again under its id it takes the
earlier one's place.
"""


def _operation() -> dict[str, Any]:
    return {
        "operationId": "tellEvents",
        "summary": "Tell of what happened",
        "parameters": [_KEY],
        "requestBody": {"required": True, "content": _json("Batch")},
        "responses": {
            "202": {"description": "All of it is on disk; the next tick acts on it.", "content": _json("Kept")},
            **{status: {"description": words, "content": _json("Faults")} for status, words in _REFUSALS.items()},
        },
    }


_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A batch that comes again under the same key within 7 days is acknowledged, and kept once.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
}
_REFUSALS: Mapping[str, str] = {
    "400": "The idempotency key, or the request itself, is malformed.",
    "401": "The token is missing, wrong or revoked.",
    "409": "Another batch came under this idempotency key.",
    "413": "Longer than 1 MB; tell it in several batches.",
    "415": "Not application/json.",
    "422": "Something in the batch is at fault: every fault is named, nothing is kept.",
    "500": "Our fault: nothing was kept; tell it again.",
}
_KEPT = {
    "type": "object",
    "required": ["kept", "repeated"],
    "additionalProperties": False,
    "properties": {
        "kept": {"type": "integer", "description": "Events in the batch."},
        "repeated": {"type": "boolean", "description": "Whether the batch was here before, under the same key."},
    },
}
_FAULTS = {
    "type": "object",
    "required": ["faults"],
    "additionalProperties": False,
    "properties": {
        "faults": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["where", "message", "advice"],
                "additionalProperties": False,
                "properties": {
                    "where": {"type": "string", "description": "The key, as a path: `events[3].at`."},
                    "message": {"type": "string", "description": "What is wrong."},
                    "advice": {"type": "string", "description": "What to do; empty where the message says it."},
                },
            },
        }
    },
}


def _json(model: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model}"}}}
