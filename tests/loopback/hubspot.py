"""A HubSpot on this machine: keeps objects, answers as the real one does, enforces its limits, and fails on demand.

    with LoopbackHubSpot() as hubspot:
        ann = hubspot.add("contacts", email="ann@acme.example", firstname="Ann")
        acme = hubspot.add("companies", name="Acme")
        hubspot.associate("contacts", ann, "companies", acme, primary=True)
        hubspot.contacts(1000)                                # a thousand more
        hubspot.define("contacts", "birthday", "date")        # a property of the account's own
        hubspot.change("contacts", ann, birthday="1990-02-28")
        hubspot.inject("429 ten_secondly", times=2)           # the next two requests are refused
        source = HubSpotSource(HubSpotSettings(token=hubspot.token, base_url=hubspot.url))
        pages = list(source.pull(None, full=True, now=datetime.now(UTC)))
        assert hubspot.requests[0].path == "/crm/properties/2026-09/companies"
        hubspot.inject("502 after", path="batch/create")      # done, and nobody is told
        hubspot.others(60)                                    # another app makes calls of the same budget

In `regulars.yaml`: `crm: {type: hubspot, token: pat-test, base_url: http://127.0.0.1:PORT}`. Values are text, as on the
wire. Ids are text for whoever calls, and grow. The time of objects is `now()`, that of the rate limits `monotonic()`;
both can be a test's own clock. `search_cap`, `inline_cap` and `association_page` shrink HubSpot's 10,000, 100 and 500.
"""

from __future__ import annotations

import argparse
import socket
import sys
import threading
import time
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from tests.loopback import hubspot_writing as writing
from tests.loopback.hubspot_writing import Refused

#: What can be injected, and what the client then sees.
FAULTS = {
    "401": "the token is refused",
    "403": "a scope is missing, and named",
    "404 of another": "somebody on the way does not know the path",
    "414": "the URL is too long",
    "423": "locked for two seconds",
    "429 ten_secondly": "too many requests in ten seconds",
    "429 secondly": "too many searches in a second",
    "429 daily": "the account's day is used up",
    "429 ms": "the rolling limit, with a Retry-After in milliseconds",
    "477": "the account is being moved; Retry-After in seconds",
    "500": "an error without a body",
    "502": "a gateway's page of HTML",
    "503": "unavailable",
    "504": "a gateway's page that is not UTF-8",
    "302": "sent elsewhere",
    "html": "status 200 and a page of HTML",
    "nested": "status 200 and lists in lists, more than anybody follows",
    "junk": "status 200 and JSON of another shape",
    "207": "a batch of which some failed",
    "drop": "the connection is closed once the request is read",
    "cut": "the connection is closed in the middle of the answer",
    "502 after": "done, and then a gateway's page of HTML",
    "504 after": "done, and then a gateway's page that is not UTF-8",
    "524 after": "done, and then nothing for too long",
    "html after": "done, and then status 200 with a page of HTML",
    "drop after": "done, and then the connection is closed",
    "slow after": "done, and no answer until the client gives up",
    "half": "a batch of which every other input fails for a reason of the moment",
    "slow": "no answer until the client gives up",
    "unsorted": "results in the opposite order",
    "same page": "a listing whose next page is the one that was asked for",
}

SINGULAR = {
    "contacts": "contact",
    "companies": "company",
    "deals": "deal",
    "tickets": "ticket",
    "line_items": "line_item",
    "feedback_submissions": "feedback_submission",
    "notes": "note",
    "tasks": "task",
}
TYPES = tuple(SINGULAR)
#: Some call a kind by its singular.
PLURAL = {singular: plural for plural, singular in SINGULAR.items()}
MODIFIED = {name: "lastmodifieddate" if name == "contacts" else "hs_lastmodifieddate" for name in TYPES}
ALWAYS = {name: ("createdate", "hs_object_id", modified) for name, modified in MODIFIED.items()}
DEFAULT = {
    "contacts": ("email", "firstname", "lastname"),
    "companies": ("domain", "name"),
    "deals": ("amount", "closedate", "dealname", "dealstage", "pipeline"),
}
DEFAULT |= {name: () for name in TYPES if name not in DEFAULT}
#: (from, to): the typeIds of any association and of the primary one.
TYPE_IDS = {
    ("contacts", "companies"): (279, 1),
    ("companies", "contacts"): (280, 2),
    ("deals", "contacts"): (3, None),
    ("contacts", "deals"): (4, None),
    ("deals", "companies"): (341, 5),
    ("companies", "deals"): (342, 6),
    ("tickets", "contacts"): (16, None),
    ("contacts", "tickets"): (15, None),
    ("line_items", "deals"): (20, None),
    ("deals", "line_items"): (19, None),
    ("notes", "contacts"): (202, None),
    ("contacts", "notes"): (201, None),
    ("tasks", "contacts"): (204, None),
    ("contacts", "tasks"): (203, None),
}


def _these(*texts: str, numbers: str = "", times: str = "") -> tuple[tuple[str, str, str], ...]:
    """Properties of one kind of objects, with those that all have."""
    return (
        *((name, "string", "text") for name in texts),
        *((name, "number", "number") for name in (*numbers.split(), "hs_object_id")),
        *((name, "datetime", "date") for name in (*times.split(), "hs_lastmodifieddate")),
    )


#: name, type, fieldType of the properties that every account has and that matter here.
STANDARD: Mapping[str, Sequence[tuple[str, str, str]]] = {
    "contacts": (
        ("email", "string", "text"),
        ("firstname", "string", "text"),
        ("lastname", "string", "text"),
        ("country", "string", "text"),
        ("hs_language", "enumeration", "select"),
        ("hs_timezone", "enumeration", "select"),
        ("createdate", "datetime", "date"),
        ("lastmodifieddate", "datetime", "date"),
        ("hs_lastmodifieddate", "datetime", "date"),
        ("hs_object_id", "number", "number"),
        ("lifecyclestage", "enumeration", "radio"),
        ("hubspot_owner_id", "enumeration", "select"),
        ("hs_email_optout", "bool", "booleancheckbox"),
        ("hs_merged_object_ids", "enumeration", "checkbox"),
        ("hs_calculated_merged_vids", "enumeration", "checkbox"),
        ("date_of_birth", "string", "text"),
        ("associatedcompanyid", "number", "number"),
    ),
    "companies": (
        ("name", "string", "text"),
        ("domain", "string", "text"),
        ("timezone", "string", "text"),
        ("createdate", "datetime", "date"),
        ("hs_lastmodifieddate", "datetime", "date"),
        ("hs_object_id", "number", "number"),
        ("hubspot_owner_id", "enumeration", "select"),
    ),
    "deals": (
        ("dealname", "string", "text"),
        ("pipeline", "enumeration", "select"),
        ("dealstage", "enumeration", "radio"),
        ("amount", "number", "number"),
        ("amount_in_home_currency", "number", "number"),
        ("deal_currency_code", "enumeration", "select"),
        ("closedate", "datetime", "date"),
        ("createdate", "datetime", "date"),
        ("hs_lastmodifieddate", "datetime", "date"),
        ("hs_object_id", "number", "number"),
        ("hubspot_owner_id", "enumeration", "select"),
    ),
    "tickets": _these("subject", "hs_pipeline_stage", times="createdate first_agent_reply_date closed_date"),
    "line_items": _these("name", "hs_sku", "hs_product_id", numbers="quantity price amount", times="createdate"),
    "feedback_submissions": _these(
        "hs_survey_type", "hs_survey_name", "hs_content", numbers="hs_value hs_contact_id hs_survey_id",
        times="createdate hs_submission_timestamp",
    ),
    "notes": _these("hs_note_body", "hubspot_owner_id", times="createdate hs_timestamp"),
    "tasks": _these(
        "hs_task_subject", "hs_task_body", "hs_task_status", "hs_task_priority", "hs_task_type", "hubspot_owner_id",
        times="createdate hs_timestamp",
    ),
}  # fmt: skip
#: What HubSpot keeps itself.
READ_ONLY = ("createdate", "lastmodifieddate", "hs_lastmodifieddate", "hs_object_id", "hs_email_optout")
FIELD_TYPES = {"string": "text", "number": "number", "bool": "booleancheckbox", "date": "date", "datetime": "date"}
NUMERIC = ("number", "datetime", "date")

FIRST_NAMES = ("Ann", "Ben", "Cleo", "Dora", "Egon", "Flora", "Gil", "Hana", "Ivo", "Juno")
LAST_NAMES = ("Archer", "Brook", "Carver", "Dale", "Easton", "Field", "Grove")


@dataclass(slots=True)
class Thing:
    """One object."""

    id: int
    properties: dict[str, str]
    created: datetime
    modified: datetime
    archived: datetime | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked, and the status it got (None: no answer)."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    body: Any
    headers: Mapping[str, str]
    status: int | None


@dataclass(slots=True)
class Fault:
    kind: str
    times: int
    path: str
    after: int


@dataclass
class Window:
    """At most `calls` in any stretch of `seconds`."""

    calls: int
    seconds: float
    policy: str
    words: str
    met: deque[float] = field(default_factory=deque)

    def left(self, now: float) -> int:
        return self.calls - sum(met > now - self.seconds for met in self.met)

    def enter(self, now: float) -> None:
        while self.met and self.met[0] <= now - self.seconds:
            self.met.popleft()
        if len(self.met) >= self.calls:
            raise Refused(429, self.words, errorType="RATE_LIMIT", policyName=self.policy, requestId="r-1")
        self.met.append(now)


class LoopbackHubSpot:
    """Stateful, for one account. A context manager; `url` and `token` are what a client needs."""

    def __init__(
        self,
        *,
        token: str = "pat-test",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        general: int = 100,
        daily: int = 250_000,
        search_cap: int = 10_000,
        inline_cap: int = 100,
        association_page: int = 500,
        longest_url: int = 8_000,
    ) -> None:
        self.token = token
        self.now = now
        self.monotonic = monotonic
        self.search_cap = search_cap
        self.inline_cap = inline_cap
        self.association_page = association_page
        self.longest_url = longest_url
        #: How long a write takes to show up in searches.
        self.search_lag: timedelta | None = None
        #: Every request, refused and faulty ones too.
        self.requests: list[Request] = []
        self._windows = {
            "general": Window(
                general, 10.0, "TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit."
            ),
            "search": Window(5, 1.0, "SECONDLY", "You have reached your secondly limit."),
            "day": Window(daily, 86_400.0, "DAILY", "You have reached your daily limit."),
        }
        #: What the account does not have: `feedback_submissions`, `tickets` …
        self.absent: set[str] = set()
        #: Whether a key with `client-1`, `secret-1`, `refresh-1` may be renewed; each renewal makes another token.
        self.renewals = 0
        self.grant_is_dead = False
        #: Rules of the account: field → what is said where it is not met.
        self.rules: dict[str, str] = {}
        #: (address, subscription or None for all) that were opted out.
        self.opted_out: list[tuple[str, int | None]] = []
        self._things: dict[str, dict[int, Thing]] = {name: {} for name in TYPES}
        self._order: dict[str, list[int]] = {name: [] for name in TYPES}
        self._links: dict[tuple[str, str], dict[int, dict[int, set[str]]]] = {}
        self._definitions = {name: list(STANDARD[name]) for name in TYPES}
        self._own: dict[str, set[str]] = {name: set() for name in TYPES}
        self._owners: list[dict[str, Any]] = []
        self._merged: dict[int, int] = {}
        self._stages: dict[str, dict[str, tuple[str, bool, str]]] = {
            "default": {
                "appointmentscheduled": ("Appointment", False, "0.2"),
                "closedwon": ("Closed won", True, "1.0"),
                "closedlost": ("Closed lost", True, "0.0"),
            }
        }
        self._faults: list[Fault] = []
        #: Counts whatever changes what a search finds; and the last search with what it found.
        self._writes = 0
        self._searched: tuple[bytes | None, int] = (None, -1)
        self._matched: list[Thing] = []
        self._next = 1000
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self._server = _Server(self)

    # -- seeding ---------------------------------------------------------------------------------------------------

    def contacts(self, n: int, *, at: datetime | None = None, **properties: str) -> list[str]:
        """`n` contacts with names and addresses; all of one and the same time when it is given, else a second apart."""
        start = at or self.now() - timedelta(days=30) - timedelta(seconds=n)
        step = timedelta(0) if at else timedelta(seconds=1)
        return [
            self.add(
                "contacts",
                at=start + i * step,
                email=f"person{i}@{len(self._order['contacts'])}.example",
                firstname=FIRST_NAMES[i % len(FIRST_NAMES)],
                lastname=LAST_NAMES[i % len(LAST_NAMES)],
                **properties,
            )
            for i in range(n)
        ]

    def add(self, table: str, *, at: datetime | None = None, **properties: str) -> str:
        with self.lock:
            self._next += 1
            self._writes += 1
            when = at or self.now()
            self._things[table][self._next] = Thing(self._next, properties, when, when)
            self._order[table].append(self._next)
            return str(self._next)

    def change(self, table: str, id: str, *, at: datetime | None = None, **properties: str) -> None:
        with self.lock:
            thing = self._things[table][int(id)]
            thing.properties |= properties
            thing.modified = at or self.now()
            self._writes += 1

    def associate(
        self, table: str, id: str, to: str, to_id: str, *, primary: bool = False, label: str | None = None
    ) -> None:
        """As in HubSpot, this modifies neither of the two."""
        with self.lock:
            for a, a_id, b, b_id in ((table, id, to, to_id), (to, to_id, table, id)):
                labels = self._links.setdefault((a, b), {}).setdefault(int(a_id), {}).setdefault(int(b_id), set())
                labels |= {name for name in ("", "Primary" if primary else None, label) if name is not None}

    def archive(self, table: str, id: str) -> None:
        with self.lock:
            self._things[table][int(id)].archived = self.now()
            self._writes += 1

    def restore(self, table: str, id: str) -> None:
        with self.lock:
            self._things[table][int(id)].archived = None
            self._writes += 1

    def purge(self, table: str, id: str) -> None:
        """Gone for good, as by a GDPR deletion: in no listing at all."""
        with self.lock:
            del self._things[table][int(id)]
            self._order[table].remove(int(id))
            self._writes += 1

    def merge(self, survivor: str, other: str) -> None:
        """Merges one contact into another: the other's id leads to the survivor from now on and is not archived."""
        with self.lock:
            properties = self._things["contacts"][int(survivor)].properties
            told = properties.get("hs_merged_object_ids")
            self.change("contacts", survivor, hs_merged_object_ids=f"{told};{other}" if told else other)
            self._merged[int(other)] = int(survivor)
            self.purge("contacts", other)

    def define(self, table: str, name: str, type: str = "string", field_type: str | None = None) -> None:
        """A property of the account's own: string, number, bool, date, datetime, enumeration."""
        self._definitions[table].append((name, type, field_type or FIELD_TYPES.get(type, "select")))
        self._own[table].add(name)

    def owner(self, email: str, *, archived: bool = False) -> str:
        self._owners.append({"id": str(5000 + len(self._owners)), "email": email, "archived": archived})
        return str(self._owners[-1]["id"])

    def stage(self, pipeline: str, stage: str, *, closed: bool = False, won: bool = False) -> None:
        self._stages.setdefault(pipeline, {})[stage] = (stage, closed, "1.0" if won else "0.0" if closed else "0.5")

    def inject(self, fault: str, *, times: int = 1, path: str = "", after: int = 0) -> Fault:
        """The next `times` requests, `after` so many, whose path contains `path` meet the fault (see FAULTS)."""
        if fault not in FAULTS:
            raise ValueError(f"no fault {fault!r}; there are {', '.join(FAULTS)}")
        self._faults.append(Fault(fault, times, path, after))
        return self._faults[-1]

    # -- serving ---------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def settings(self, *tables: str, more: str = "") -> str:
        """The line of `regulars.yaml` by which a workspace reads these tables from here, as `crm`."""
        keys = f"type: hubspot, token: pat-test, base_url: '{self.url}', tables: [{', '.join(tables)}]{more}"
        return f"connectors: {{crm: {{{keys}}}}}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()

    def others(self, calls: int) -> None:
        """Another app of the account makes so many calls now."""
        now = self.monotonic()
        for name in ("general", "day"):
            self._windows[name].met.extend([now] * calls)

    def found(self, table: str, id: str) -> Mapping[str, str]:
        """An object's properties as they are now."""
        return self._things[table][int(id)].properties

    def definitions(self, table: str) -> Sequence[tuple[str, str, str]]:
        return self._definitions[table]

    def survivor(self, table: str, id: int) -> int | None:
        thing = self._things[table].get(self._merged.get(id, id))
        return thing.id if thing is not None and thing.archived is None else None

    def with_address(self, address: str) -> list[str]:
        return [str(id) for id, thing in self._things["contacts"].items() if thing.properties.get("email") == address]

    def linked(self, table: str, id: str, to: str) -> list[str]:
        return [str(other) for other in self._links.get((table, to), {}).get(int(id), {})]

    def asked(self, path: str = "") -> list[Request]:
        """The requests whose path contains `path`."""
        return [request for request in self.requests if path in request.path]

    def limits(self) -> Mapping[str, int]:
        """What every answer but a search's says."""
        now, general, day = self.monotonic(), self._windows["general"], self._windows["day"]
        with self.lock:
            return {
                "Max": general.calls,
                "Remaining": general.left(now),
                "Interval-Milliseconds": 10_000,
                "Daily": day.calls,
                "Daily-Remaining": day.calls - len(day.met),
            }

    def fault_for(self, path: str) -> str | None:
        with self.lock:
            for fault in self._faults:
                if fault.times > 0 and fault.path in path:
                    fault.after -= 1
                    if fault.after >= 0:
                        continue
                    fault.times -= 1
                    return fault.kind
        return None

    def answer(self, method: str, path: str, query: Mapping[str, list[str]], body: Any, token: str) -> tuple[int, Any]:
        """Status and body. Raises Refused."""
        if path.endswith("/token"):
            return 200, writing.grant(self, body)
        if token != f"Bearer {self.token}":
            raise Refused(401, "Authentication credentials not found.", category="INVALID_AUTHENTICATION")
        kind, parts = _route(path)
        with self.lock:
            # A search counts by the second, and by the day.
            self._windows["search" if kind == "search" else "general"].enter(self.monotonic())
            self._windows["day"].enter(self.monotonic())
            if self.absent.intersection(parts):
                raise _scopes()
            match method, kind:
                case "POST", "create":
                    return writing.create(self, parts[0], body)
                case "POST", "update":
                    return writing.update(self, parts[0], body)
                case "POST", "properties":
                    return writing.define(self, parts[0], body)
                case "POST", "statuses":
                    return writing.opt_out(self, parts[0], body)
                case "GET", "objects":
                    return self._list(parts[0], query)
                case "GET", "object":
                    return 200, self._get(parts[0], int(parts[1]), query)
                case "POST", "search":
                    return self._search(parts[0], body)
                case "POST", "batch":
                    return self._batch(parts[0], body)
                case "POST", "links":
                    return self._associations(parts[0], parts[1], body)
                case "GET", "properties":
                    return 200, {"results": [self._definition(parts[0], *one) for one in self._definitions[parts[0]]]}
                case "GET", "properties v2":
                    return 200, [self._definition(parts[0], *one) for one in self._definitions[parts[0]]]
                case "GET", "schemas":
                    return 200, {"results": []}
                case "GET", "owners":
                    return self._list_owners(query)
                case "GET", "pipelines":
                    return 200, {"results": [self._pipeline(*one) for one in self._stages.items()]}
        raise Refused(405, "Method not allowed.")

    def _list(self, table: str, query: Mapping[str, list[str]]) -> tuple[int, Any]:
        limit = int(_one(query, "limit", "10"))
        if not 0 < limit <= 100:
            raise Refused(400, f"limit must be between 1 and 100, was {limit}", category="VALIDATION_ERROR")
        archived = _one(query, "archived", "false") == "true"
        after = _unmark(_one(query, "after", _mark(0)))
        things = self._in_order(table, above=after, archived=archived)
        page = list(islice(things, limit + 1))
        names = self._names(table, query.get("properties"))
        links = [to for one in query.get("associations", ()) for to in one.split(",")]
        told: dict[str, Any] = {"results": [self._told(table, thing, names, links) for thing in page[:limit]]}
        if len(page) > limit:
            mark = _mark(page[limit - 1].id)
            told["paging"] = {"next": {"after": mark, "link": f"{self.url}/crm/v3/objects/{table}?after={mark}"}}
        return 200, told

    def _get(self, table: str, id: int, query: Mapping[str, list[str]]) -> Any:
        thing = self._things[table].get(self._merged.get(id, id))
        if thing is None or (thing.archived is not None) != (_one(query, "archived", "false") == "true"):
            raise Refused(404, "resource not found", category="OBJECT_NOT_FOUND")
        return self._told(table, thing, self._names(table, query.get("properties")), ())

    def _in_order(self, table: str, *, above: int, archived: bool) -> Iterator[Thing]:
        ids, things = self._order[table], self._things[table]
        for index in range(bisect_right(ids, above), len(ids)):
            thing = things[ids[index]]
            if (thing.archived is not None) == archived:
                yield thing

    def _search(self, table: str, body: Any) -> tuple[int, Any]:
        self._check_search(body)
        above = _least_id(body)
        found = self._matching(table, body.get("filterGroups", ()), above)
        found = found[bisect_right(found, above, key=lambda thing: thing.id) :]
        found = self._sorted(table, found, body.get("sorts") or [])
        start, limit = int(body.get("after") or 0), body.get("limit", 10)
        if start + limit > self.search_cap:
            raise Refused(400, f"The search is limited to {self.search_cap} results.", category="VALIDATION_ERROR")
        names = self._names(table, body.get("properties"))
        told: dict[str, Any] = {
            "total": len(found),
            "results": [self._told(table, thing, names, ()) for thing in found[start : start + limit]],
        }
        if start + limit < len(found):
            told["paging"] = {"next": {"after": str(start + limit)}}
        return 200, told

    def _matching(self, table: str, groups: Sequence[Any], above: int) -> list[Thing]:
        """What a search finds, by id; those of one window one after the other look through everything once."""
        rest = [[one for one in group["filters"] if not (above and _borders(one))] for group in groups]
        asked = orjson.dumps([table, rest]) if self.search_lag is None else None
        if asked is not None and self._searched == (asked, self._writes):
            return self._matched
        filters = [[self._filter(table, one) for one in group] for group in rest]
        seen_until = None if self.search_lag is None else self.now() - self.search_lag
        self._matched = [
            thing
            for thing in self._in_order(table, above=0, archived=False)
            if (seen_until is None or thing.modified <= seen_until)
            and (not filters or any(all(t(thing) for t in group) for group in filters))
        ]
        self._searched = (asked, self._writes)
        return self._matched

    def _check_search(self, body: Any) -> None:
        groups = body.get("filterGroups", [])
        filters = [len(group["filters"]) for group in groups]
        if not 0 < body.get("limit", 10) <= 200:
            raise Refused(400, "limit must be at most 200", category="VALIDATION_ERROR")
        if len(groups) > 5 or max(filters, default=0) > 6 or sum(filters) > 18:
            raise Refused(400, "too many filterGroups or filters", category="VALIDATION_ERROR")
        if len(body.get("sorts") or []) > 1:
            raise Refused(400, "only one sort is allowed", category="VALIDATION_ERROR")

    def _filter(self, table: str, one: Any) -> Callable[[Thing], bool]:
        name, operator = one["propertyName"], one["operator"]
        types = {known: type for known, type, _ in self._definitions[table]}
        if name not in types:
            raise Refused(400, f"There was a problem: property {name} does not exist", category="VALIDATION_ERROR")
        value = self._comparable(table, name, types[name])
        told = [_number(v) if types[name] in NUMERIC else str(v).lower() for v in _values(one)]
        match operator:
            case "HAS_PROPERTY":
                return lambda thing: value(thing) is not None
            case "NOT_HAS_PROPERTY":
                return lambda thing: value(thing) is None
            case "IN" | "NOT_IN":
                return lambda thing: (value(thing) in told) == (operator == "IN")
            case "BETWEEN":
                return lambda thing: (v := value(thing)) is not None and told[0] <= v <= told[1]
            case "EQ" | "NEQ":
                return lambda thing: (value(thing) == told[0]) == (operator == "EQ")
            case "GT" | "GTE" | "LT" | "LTE":
                low, same = operator[0] == "L", operator.endswith("E")
                border = told[0]
                return lambda thing: (
                    (v := value(thing)) is not None and ((v < border if low else v > border) or (same and v == border))
                )
        raise Refused(400, f"operator {operator} is not known", category="VALIDATION_ERROR")

    def _comparable(self, table: str, name: str, type: str) -> Callable[[Thing], Any]:
        if name == "hs_object_id":
            return lambda thing: thing.id
        if name == MODIFIED[table]:
            return lambda thing: _ms(thing.modified)
        if name == "createdate":
            return lambda thing: _ms(thing.created)
        if type in NUMERIC:
            return lambda thing: _number(text) if (text := thing.properties.get(name)) else None
        return lambda thing: text.lower() if (text := thing.properties.get(name)) else None

    def _sorted(self, table: str, found: list[Thing], sorts: Sequence[Any]) -> list[Thing]:
        """They come in the order of ids."""
        if [(sort["propertyName"], sort["direction"]) for sort in sorts] in ([], [("hs_object_id", "ASCENDING")]):
            return found
        types = {known: type for known, type, _ in self._definitions[table]}
        for sort in sorts:
            value = self._comparable(table, sort["propertyName"], types[sort["propertyName"]])
            down = sort["direction"] == "DESCENDING"
            found = sorted(found, key=lambda thing: (value(thing) is None, value(thing)), reverse=down)
        return found

    def _batch(self, table: str, body: Any) -> tuple[int, Any]:
        if len(body["inputs"]) > 100:
            raise Refused(400, "batch size must be at most 100", category="VALIDATION_ERROR")
        names = self._names(table, body.get("properties"))
        ids = [int(one["id"]) for one in body["inputs"]]
        found = [self._things[table].get(self._merged.get(id, id)) for id in ids]
        told = [self._told(table, thing, names, ()) for thing in found if thing and thing.archived is None]
        missing = len(ids) - len(told)
        errors = [
            {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some objects"}
        ] * missing
        return (207 if errors else 200), {"status": "COMPLETE", "results": told, "errors": errors, "numErrors": missing}

    def _associations(self, table: str, to: str, body: Any) -> tuple[int, Any]:
        if len(body["inputs"]) > 1000:
            raise Refused(400, "batch size must be at most 1000", category="VALIDATION_ERROR")
        results, errors = [], []
        for one in body["inputs"]:
            links = sorted(self._links.get((table, to), {}).get(int(one["id"]), {}).items())
            if not links:
                message = f"No {SINGULAR[to]} is associated with {SINGULAR[table]} {one['id']}."
                absent = "crm.associations.NO_ASSOCIATIONS_FOUND"
                errors.append(
                    {"status": "error", "category": "OBJECT_NOT_FOUND", "subCategory": absent, "message": message}
                )
                continue
            start = int(one.get("after") or 0)
            end = start + self.association_page
            targets = [
                {"toObjectId": id, "associationTypes": _types(table, to, labels)} for id, labels in links[start:end]
            ]
            results.append({"from": {"id": str(one["id"])}, "to": targets})
            if end < len(links):
                results[-1]["paging"] = {"next": {"after": str(end), "link": "?"}}
        return (207 if errors else 200), {"status": "COMPLETE", "results": results, "errors": errors}

    def _list_owners(self, query: Mapping[str, list[str]]) -> tuple[int, Any]:
        archived = _one(query, "archived", "false") == "true"
        limit, start = int(_one(query, "limit", "100")), int(_one(query, "after", "0"))
        owners = [owner for owner in self._owners if owner["archived"] == archived]
        told: dict[str, Any] = {"results": owners[start : start + limit]}
        if start + limit < len(owners):
            told["paging"] = {"next": {"after": str(start + limit)}}
        return 200, told

    def _definition(self, table: str, name: str, type: str, field_type: str) -> Any:
        own = name in self._own[table]
        return {
            "name": name,
            "label": name,
            "type": type,
            "fieldType": field_type,
            "options": [],
            "hubspotDefined": True if not own else None,
            "calculated": False,
            "modificationMetadata": {"readOnlyValue": name in READ_ONLY},
        }

    def _pipeline(self, id: str, stages: Mapping[str, tuple[str, bool, str]]) -> Any:
        return {
            "id": id,
            "label": id,
            "archived": False,
            "stages": [
                {"id": stage, "label": label, "metadata": {"isClosed": str(closed).lower(), "probability": probability}}
                for stage, (label, closed, probability) in stages.items()
            ],
        }

    def _names(self, table: str, asked: Sequence[str] | None) -> tuple[str, ...]:
        known = {name for name, _, _ in self._definitions[table]}
        return tuple(name for name in (asked or DEFAULT[table]) if name in known)

    def _told(self, table: str, thing: Thing, names: Sequence[str], links: Sequence[str]) -> Any:
        properties: dict[str, str | None] = {name: thing.properties.get(name) for name in names}
        properties |= zip(ALWAYS[table], (_iso(thing.created), str(thing.id), _iso(thing.modified)), strict=True)
        properties |= {name: thing.properties[name] for name in ("createdate",) if name in thing.properties}
        told = {
            "id": str(thing.id),
            "properties": properties,
            "createdAt": _iso(thing.created),
            "updatedAt": _iso(thing.modified),
            "archived": thing.archived is not None,
        }
        if thing.archived is not None:
            told["archivedAt"] = _iso(thing.archived)
        inline = {to: one for to in links if (one := self._inline(table, thing.id, to))}
        if inline:
            told["associations"] = inline
        return told

    def _inline(self, table: str, id: int, to: str) -> Any:
        links = sorted(self._links.get((table, to), {}).get(id, {}).items())
        rows = [
            {"id": str(other), "type": kind} for other, labels in links for kind in _inline_types(table, to, labels)
        ]
        if not rows:
            return None
        told: dict[str, Any] = {"results": rows[: self.inline_cap]}
        if len(rows) > self.inline_cap:
            told["paging"] = {"next": {"after": str(rows[self.inline_cap]["id"]), "link": "?"}}
        return told


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, hubspot: LoopbackHubSpot) -> None:
        self.hubspot = hubspot
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Ends the connections that clients still hold, so that every thread can be waited for."""
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gives up in the middle is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        hubspot = self.server.hubspot
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = urlsplit(self.path)
        form = "urlencoded" in (self.headers.get("content-type") or "")
        body = parse_qs(raw.decode()) if form else orjson.loads(raw) if raw else None
        status = self._answer(hubspot, parts.path, parse_qs(parts.query), body, raw)
        hubspot.requests.append(
            Request(self.command, parts.path, parse_qs(parts.query), body, dict(self.headers.items()), status)
        )
        self.wfile.flush()

    def _answer(self, hubspot: LoopbackHubSpot, path: str, query: Any, body: Any, raw: bytes) -> int | None:
        fault = hubspot.fault_for(path)
        if fault in ("drop", "slow"):
            if fault == "slow":
                hubspot.closing.wait(30)
            self.close_connection = True
            return None
        try:
            if fault in REFUSALS:
                raise REFUSALS[fault]()
            if fault in PAGES:
                status, kind, page = PAGES[fault]
                return self._write(status, page, kind)
            if len(self.path) > hubspot.longest_url:
                raise Refused(414, "URI too long")
            if path.endswith("/search") and len(raw) > 3000:
                raise Refused(400, "The request body must not be longer than 3000 characters")
            if fault == "half":
                body, failed = writing.half(body)
            status, told = hubspot.answer(self.command, path, query, body, self.headers.get("authorization") or "")
            if fault == "half":
                status, told = 207, {**told, "numErrors": len(failed), "errors": failed}
        except Refused as refused:
            waits = {"429 ms": "10000", "477": "3600"}
            more = {"Retry-After": waits[fault]} if fault in waits else {}
            return self._write(refused.status, orjson.dumps(refused.body), "application/json;charset=utf-8", more)
        if fault == "207":
            status, told = (
                207,
                {**told, "errors": [{"status": "error", "category": "INTERNAL", "message": "try later"}]},
            )
        if fault and fault.endswith(" after"):
            return self._after(hubspot, fault.removesuffix(" after"))
        if fault == "unsorted":
            told["results"].reverse()
        if fault == "same page" and "paging" in told:
            told["paging"]["next"]["after"] = query.get("after", [told["paging"]["next"]["after"]])[0]
        return self._write(status, orjson.dumps(told), "application/json;charset=utf-8", cut=fault == "cut")

    def _after(self, hubspot: LoopbackHubSpot, fault: str) -> int | None:
        """It was done; what the client then sees."""
        if fault in ("drop", "slow"):
            if fault == "slow":
                hubspot.closing.wait(30)
            self.close_connection = True
            return None
        status, kind, page = PAGES[fault]
        return self._write(status, page, kind)

    def _write(
        self, status: int, body: bytes, kind: str, more: Mapping[str, str] | None = None, *, cut: bool = False
    ) -> int:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if not self.path.endswith("/search"):
            for name, value in self.server.hubspot.limits().items():
                self.send_header(f"X-HubSpot-RateLimit-{name}", str(value))
        if status == 302:
            self.send_header("Location", f"{self.server.hubspot.url}/elsewhere")
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut
        return status

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: `requests` remembers."""


def _limit(policy: str, words: str) -> Refused:
    return Refused(
        429, f"You have reached your {words} limit.", errorType="RATE_LIMIT", policyName=policy, requestId="r"
    )


def _scopes() -> Refused:
    missing = {"requiredGranularScopes": ["crm.objects.contacts.read"]}
    error = {"message": "One or more of the following scopes are required.", "context": missing}
    words = "This app hasn't been granted all required scopes to make this call."
    return Refused(403, words, category="MISSING_SCOPES", errors=[error])


REFUSALS: Mapping[str | None, Callable[[], Refused]] = {
    "401": lambda: Refused(401, "Authentication credentials not found.", category="INVALID_AUTHENTICATION"),
    "403": _scopes,
    "414": lambda: Refused(414, "URI too long"),
    "423": lambda: Refused(423, "The resource is locked."),
    "429 ten_secondly": lambda: _limit("TEN_SECONDLY_ROLLING", "ten_secondly_rolling"),
    "429 secondly": lambda: _limit("SECONDLY", "secondly"),
    "429 daily": lambda: _limit("DAILY", "daily"),
    "429 ms": lambda: _limit("TEN_SECONDLY_ROLLING", "ten_secondly_rolling"),
    "477": lambda: Refused(477, "This account is being migrated."),
    "503": lambda: Refused(503, "Service unavailable."),
}
HTML = b"<!DOCTYPE html><html><body>We'll be right back</body></html>"
PAGES: Mapping[str | None, tuple[int, str, bytes]] = {
    "500": (500, "text/plain", b""),
    "502": (502, "text/html", HTML),
    "524": (524, "text/html", HTML),
    "404 of another": (404, "text/html", HTML),
    "504": (504, "text/html", b"<html>Zeit\xfcberschreitung</html>"),
    "302": (302, "text/html", HTML),
    "html": (200, "text/html", HTML),
    "nested": (200, "application/json", b'{"results": ' + 100_000 * b"["),
    "junk": (200, "application/json", b'{"results": {"ok": true}}'),
}


def _route(path: str) -> tuple[str, list[str]]:
    """What is asked for, in the paths of v3 and v4 as in the dated ones."""
    match [PLURAL.get(part, part) for part in path.strip("/").split("/")]:
        case ["crm", "v3", "schemas"]:
            return "schemas", []
        case ["properties", "v2", table, "properties"] if table in TYPES:
            return "properties v2", [table]
        case ["crm", "v3", "objects", *rest] | ["crm", "objects", _, *rest]:
            match rest:
                case [table] if table in TYPES:
                    return "objects", [table]
                case [table, "search"] if table in TYPES:
                    return "search", [table]
                case [table, "batch", "read"] if table in TYPES:
                    return "batch", [table]
                case [table, "batch", ("create" | "update") as what] if table in TYPES:
                    return what, [table]
                case [table, id] if table in TYPES and id.isdigit():
                    return "object", [table, id]
        case ["crm", "v4", "associations", a, b, "batch", "read"] | ["crm", "associations", _, a, b, "batch", "read"]:
            return "links", [a, b]
        case ["crm", "v3", ("properties" | "pipelines") as kind, table] if table in TYPES:
            return kind, [table]
        case ["crm", ("properties" | "pipelines") as kind, _, table] if table in TYPES:
            return kind, [table]
        case ["communication-preferences", _, "statuses", address, *_]:
            return "statuses", [unquote(address)]
        case ["crm", "v3", "owners"] | ["crm", "owners", _]:
            return "owners", []
    raise Refused(404, "resource not found", category="OBJECT_NOT_FOUND")


def _one(query: Mapping[str, list[str]], name: str, default: str) -> str:
    return query.get(name, [default])[0]


def _mark(id: int) -> str:
    """A listing's mark: nothing that a client could compute."""
    return f"{id * 7919:x}z"


def _unmark(mark: str) -> int:
    try:
        id, rest = divmod(int(mark.removesuffix("z"), 16), 7919)
    except ValueError:
        rest, id = 1, 0
    if rest:
        raise Refused(400, f"invalid after: {mark}", category="VALIDATION_ERROR")
    return id


def _least_id(body: Any) -> int:
    """Where a search with one group and a lower border of ids may begin: a short cut, not a rule."""
    groups = body.get("filterGroups", [])
    if len(groups) != 1:
        return 0
    return max((int(one["value"]) for one in groups[0]["filters"] if _borders(one)), default=0)


def _borders(one: Any) -> bool:
    return bool(one["propertyName"] == "hs_object_id" and one["operator"] == "GT")


def _values(one: Any) -> list[Any]:
    if "values" in one:
        return list(one["values"])
    return [one[name] for name in ("value", "highValue") if name in one]


def _number(text: Any) -> float:
    try:
        return float(text)
    except ValueError:
        return float(_ms(datetime.fromisoformat(text).replace(tzinfo=UTC)))


def _types(table: str, to: str, labels: set[str]) -> list[Any]:
    any_id, primary_id = TYPE_IDS[table, to]
    known = {"": ("HUBSPOT_DEFINED", any_id, None), "Primary": ("HUBSPOT_DEFINED", primary_id, "Primary")}
    rows = [known.get(label, ("USER_DEFINED", 37, label)) for label in sorted(labels)]
    return [{"category": category, "typeId": id, "label": label} for category, id, label in rows]


def _inline_types(table: str, to: str, labels: set[str]) -> list[str]:
    kind = f"{SINGULAR[table]}_to_{SINGULAR[to]}"
    has_primary = TYPE_IDS[table, to][1] is not None
    known = {"": f"{kind}_unlabeled" if has_primary else kind, "Primary": kind}
    return [known.get(label, label.lower().replace(" ", "_")) for label in sorted(labels)]


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def main() -> None:
    """Serves so many contacts until standard input ends; `change 12000` there gives so many one and the same time."""
    options = argparse.ArgumentParser(description="A HubSpot on this machine.")
    options.add_argument("--contacts", type=int, default=1_000)
    options.add_argument("--general", type=int, default=100, help="calls in ten seconds")
    chosen = options.parse_args()
    with LoopbackHubSpot(general=chosen.general) as hubspot:
        people = hubspot.contacts(chosen.contacts, country="Poland", lifecyclestage="customer", hs_language="pl")
        print(hubspot.url, flush=True)
        for line in sys.stdin:
            at = hubspot.now()
            for id in people[: int(line.split()[1])]:
                hubspot.change("contacts", id, at=at, country="Spain")
            print("changed", flush=True)
        print(orjson.dumps(Counter(str(asked.status) for asked in hubspot.requests)).decode(), flush=True)


if __name__ == "__main__":
    main()
