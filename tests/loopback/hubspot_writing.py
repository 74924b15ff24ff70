"""What the loopback HubSpot does when it is written to: objects in batches, properties, opt-outs, tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.loopback.hubspot import LoopbackHubSpot


class Refused(Exception):
    """An answer other than 200 with HubSpot's error body."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        self.status = status
        self.body = {"status": "error", "message": message, "correlationId": "c0ffee00-0000-4000-8000-000000000000"}
        self.body |= more
        super().__init__(message)


def create(hubspot: LoopbackHubSpot, table: str, body: Any) -> tuple[int, Any]:
    """Notes and tasks; with trace ids each input has an answer of its own, without them one bad input fails all."""

    def make(one: Any) -> str:
        required(one["properties"], "hs_timestamp")
        links = [
            (link["to"]["id"], kind["associationTypeId"]) for link in one["associations"] for kind in link["types"]
        ]
        for to, number in links:
            if number != {"notes": 202, "tasks": 204}[table]:
                raise Refused(400, f"typeId {number} is not valid", category="VALIDATION_ERROR")
            if living(hubspot, "contacts", to) is None:
                raise Refused(404, f"No contact with id {to}", category="OBJECT_NOT_FOUND")
        made = hubspot.add(table, **one["properties"])
        for to, _ in links:
            hubspot.associate(table, made, "contacts", str(living(hubspot, "contacts", to)))
        return made

    return each(hubspot, table, body, make, created=201)


def update(hubspot: LoopbackHubSpot, table: str, body: Any) -> tuple[int, Any]:
    def change(one: Any) -> str:
        id = living(hubspot, table, one["id"])
        if id is None:
            raise Refused(404, f"Could not get object {one['id']}", category="OBJECT_NOT_FOUND")
        hubspot.change(table, str(id), **one["properties"])
        return str(id)

    ids = [one["id"] for one in body["inputs"]]
    if len(ids) != len(set(ids)):
        raise Refused(400, "Duplicate IDs found in batch input", category="VALIDATION_ERROR")
    return each(hubspot, table, body, change, created=200)


def each(hubspot: LoopbackHubSpot, table: str, body: Any, do: Any, *, created: int) -> tuple[int, Any]:
    inputs = body["inputs"]
    if not 0 < len(inputs) <= 100:
        raise Refused(400, "batch size must be between 1 and 100", category="VALIDATION_ERROR")
    results: list[Any] = []
    errors: list[Any] = []
    for one in inputs:
        try:
            check(hubspot, table, one["properties"])
            made = do(one)
        except Refused as refused:
            if "objectWriteTraceId" not in one:
                raise
            errors.append({**refused.body, "context": {"objectWriteTraceId": [one["objectWriteTraceId"]]}})
            continue
        results.append(
            {"id": made, "properties": one["properties"], "objectWriteTraceId": one.get("objectWriteTraceId")}
        )
    told = {"status": "COMPLETE", "results": results}
    return (207, {**told, "numErrors": len(errors), "errors": errors}) if errors else (created, told)


def check(hubspot: LoopbackHubSpot, table: str, properties: Mapping[str, Any]) -> None:
    """What an unknown name, a wrong value or a rule of the account is refused with."""
    known = {name: kind for name, kind, _ in hubspot.definitions(table)}
    for name, value in properties.items():
        if name not in known:
            error = {"message": f'Property "{name}" does not exist', "code": "PROPERTY_DOESNT_EXIST"}
            raise Refused(400, "Property values were not valid", category="VALIDATION_ERROR", errors=[error])
        if known[name] == "number" and value and not value.replace(".", "", 1).lstrip("-").isdigit():
            error = {"message": f"{value} was not a valid long.", "code": "INVALID_LONG", "in": name}
            raise Refused(400, "Property values were not valid", category="VALIDATION_ERROR", errors=[error])
        if name in hubspot.rules and not value:
            raise Refused(400, hubspot.rules[name], category="VALIDATION_ERROR")


def required(properties: Mapping[str, Any], name: str) -> None:
    if not properties.get(name):
        raise Refused(400, f"required property {name} is missing", category="VALIDATION_ERROR")


def living(hubspot: LoopbackHubSpot, table: str, id: str) -> int | None:
    """The object, or the survivor of its merge."""
    return hubspot.survivor(table, int(id))


def define(hubspot: LoopbackHubSpot, table: str, body: Any) -> tuple[int, Any]:
    if body["name"] in {name for name, _, _ in hubspot.definitions(table)}:
        raise Refused(409, f"A property named '{body['name']}' already exists.", category="CONFLICT")
    for name in ("label", "type", "fieldType", "groupName"):
        required(body, name)
    hubspot.define(table, body["name"], body["type"], body["fieldType"])
    return 201, body


def opt_out(hubspot: LoopbackHubSpot, address: str, body: Any) -> tuple[int, Any]:
    subscription = (body or {}).get("subscriptionId")
    hubspot.opted_out.append((address, subscription))
    name = f"hs_email_optout_{subscription}" if subscription else "hs_email_optout"
    for id in hubspot.with_address(address):
        hubspot.change("contacts", id, **{name: "true"})
    return 200, {"status": "COMPLETE", "results": [{"channel": "EMAIL", "status": "UNSUBSCRIBED"}]}


def grant(hubspot: LoopbackHubSpot, form: Mapping[str, Sequence[str]]) -> Any:
    told = {name: values[0] for name, values in form.items()}
    wanted = {"grant_type": "refresh_token", "client_id": "client-1", "client_secret": "secret-1"}
    if hubspot.grant_is_dead:
        raise Refused(400, "missing or invalid refresh token", error="BAD_REFRESH_TOKEN")
    if told != wanted | {"refresh_token": "refresh-1"}:
        raise Refused(400, "missing or unknown client id", error="BAD_CLIENT_ID")
    hubspot.renewals += 1
    hubspot.token = f"access-{hubspot.renewals}"
    return {"access_token": hubspot.token, "refresh_token": "refresh-1", "expires_in": 1800, "token_type": "bearer"}


def half(body: Any) -> tuple[Any, list[Any]]:
    """Every other input, and the errors of the others."""
    failed = [
        {
            "status": "error",
            "category": "INTERNAL_ERROR",
            "message": "try later",
            "context": {"objectWriteTraceId": [one["objectWriteTraceId"]]},
        }
        for one in body["inputs"][1::2]
    ]
    return {**body, "inputs": body["inputs"][::2]}, failed
