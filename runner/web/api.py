"""`POST /api/events`: what a shop or product tells is checked as a whole, kept on disk, and only then acknowledged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Header, Request
from pydantic import ValidationError
from starlette.responses import JSONResponse, Response

from connectors.feeds.told import Batch, UsageTold
from runner import collect
from runner.collect import Scope
from runner.errors import Fault
from runner.web.openapi import document
from runner.web.public import SHOWN, TheDesk
from runner.web.refusals import refused
from runner.web.webhooks import body_of
from runner.yaml_file import YamlFile, faults_in

log = structlog.get_logger()
router = APIRouter()

#: What an idempotency key may be: the signs of an HTTP field, and no more of them than anybody needs.
KEY = re.compile(r"[!-~]{1,200}")
_RIGHT = {"WWW-Authenticate": "Bearer"}


@router.post("/api/events")
def events(
    request: Request,
    desk: TheDesk,
    body: Annotated[bytes, Depends(body_of)],
    authorization: Annotated[str, Header()] = "",
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Response:
    """202 once all events are on disk; anything else: none of them is."""
    kind, _, token = authorization.partition(" ")
    name = collect.holder(desk.store, token.strip(), Scope.EVENTS) if kind.lower() == "bearer" else None
    if name is None:
        advice = "send Authorization: Bearer and a token; `regulars token add NAME --scope events` makes one"
        return refused(401, "the token is missing, wrong or revoked", advice, headers=_RIGHT)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return refused(415, "is not JSON", "send Content-Type: application/json")
    if idempotency_key is not None and not KEY.fullmatch(idempotency_key):
        return refused(400, "must be 1 to 200 visible ASCII signs", "a UUID does", where="Idempotency-Key")
    read = _read(body, desk.settings.customers)
    if not isinstance(read, Batch):
        return JSONResponse({"faults": read}, 422)
    match collect.tell(desk.store, name, body, desk.now(), key=idempotency_key):
        case collect.Told.OTHERWISE:
            advice = "a new batch takes a new key"
            return refused(409, "another batch came under this key before", advice, where="Idempotency-Key")
        case told:
            count = len(read.events)
            log.info("events were told", action="told", connector=name, events=count, repeated=told.name.lower())
            return JSONResponse({"kept": count, "repeated": told is collect.Told.REPEATED}, 202)


@router.api_route("/api/openapi.json", methods=SHOWN)
def openapi(desk: TheDesk) -> Response:
    """What may be told, for programs that write clients."""
    return JSONResponse(document(desk.settings.public_url))


def _read(body: bytes, customers: str) -> Batch | list[dict[str, str]]:
    """The batch, or every fault in it."""
    try:
        batch = Batch.model_validate_json(body)
    except ValidationError as error:
        return [_shown(fault) for fault in _faults(body, error)]
    faults = list(_without_company(batch)) if customers == "company" else []
    return faults or batch


def _faults(body: bytes, error: ValidationError) -> Sequence[Fault]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if told is None or error.errors(include_url=False)[0]["type"] == "json_invalid":
        words = error.errors(include_url=False)[0]["msg"].removeprefix("Invalid JSON: ")
        return [Fault("", 0, 0, "", f"is no JSON: {words}", "write it with a JSON library, in UTF-8")]
    return faults_in(YamlFile("", told), Batch, told, error)


def _without_company(batch: Batch) -> Iterator[dict[str, str]]:
    for number, one in enumerate(batch.events):
        if isinstance(one, UsageTold) and one.contact.company is None:
            where = f"events[{number}].contact.company"
            yield {"where": where, "message": "is missing", "advice": "customers are companies here: tell its id"}


#: What a text must be, by the key that holds it; of the words that are keys themselves the usual words are right.
_WORDS = {
    "id": "must be 1 to 200 characters without control signs, | and space around it",
    "order_id": "must be 1 to 200 characters without control signs, | and space around it",
    "email": "must be a mail address such as ada@example.org",
    "currency": "must be three capital letters such as EUR",
    "url": "must be a web address such as https://shop.example/cart/1",
}


def _shown(fault: Fault) -> dict[str, str]:
    key = fault.where.rpartition(".")[2]
    message = fault.message
    if key in _WORDS and message.startswith("must be small letters"):
        message = f"{_WORDS[key]}, is {message.partition(', is ')[2]}"
    return {"where": fault.where, "message": message, "advice": fault.advice}
