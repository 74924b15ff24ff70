"""HubSpot's door: one method a question, plain rows and `connectors.errors` as answers.

Every question here only reads, POST or not, so each may be asked again after any failure; `write` alone does something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import compress
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote_plus, urlencode, urlsplit

import orjson
import urllib3
from hubspot import HubSpot
from hubspot.crm.objects.exceptions import ApiException

from connectors.crm import hubspot_answers as answers
from connectors.crm.hubspot_answers import Answer, InPart, Property, Rows, Stage, in_order
from connectors.crm.hubspot_errors import SYSTEM, Lost, certain, refusal
from connectors.crm.hubspot_paths import path_of
from connectors.crm.hubspot_quota import Quota
from connectors.errors import Permanent, Temporary
from connectors.limits import Caller
from connectors.records import Link

T = TypeVar("T")
Query: TypeAlias = "Sequence[tuple[str, str]]"
Send: TypeAlias = "Callable[[], urllib3.BaseHTTPResponse]"

LIST_PAGE, SEARCH_PAGE, OBJECT_BATCH, ASSOCIATION_BATCH = 100, 200, 100, 1_000

#: What a URL or a search (3,000 characters) has room for, names of properties and all.
LONGEST_QUERY, LONGEST_SEARCH = 6_000, 2_900


class HubSpotApi:
    """Asks HubSpot through its official client, within its limits."""

    def __init__(
        self,
        token: Callable[[HubSpotApi], str],
        *,
        base_url: str,
        version: str,
        caller: Caller,
        quota: Quota,
        timeout: tuple[float, float],
        on_call: Callable[[], None],
    ) -> None:
        # `host` is read by the generated classes, `base_url` by api_request: with one of them missing, some calls
        # would go to the real HubSpot. `retry=False`: urllib3 would retry GETs by itself and sleep for hours.
        hubspot = HubSpot(access_token="", host=base_url, base_url=base_url, retry=False)
        # One held ApiClient of the SDK takes any path (dated ones too), a timeout, and gives the raw body, at a tenth
        # of the models' CPU: its connections are asked, since `call_api` walks through each value of a body before
        # it encodes it, and its REST client takes each address apart twice. `client.api_request` has no timeout, prints
        # errors and obeys proxies; every attribute access such as `client.crm.contacts` opens connections of its own.
        client = hubspot.crm.objects.basic_api.api_client
        self._http = client.rest_client.pool_manager.connection_from_url(base_url)
        self._below = urlsplit(base_url).path
        self._as_usual = {**client.default_headers, "Accept": "application/json"}
        self._token = token
        self._version = version
        self._quota = quota
        self._caller = caller
        self._timeout = urllib3.Timeout(connect=timeout[0], read=timeout[1])
        self._on_call = on_call

    def close(self) -> None:
        self._http.close()

    @property
    def quota(self) -> Quota:
        return self._quota

    def listed(
        self, table: str, *, after: str | None, properties: Sequence[str], links: Sequence[str] = (), archived: bool
    ) -> Rows:
        """A page of all objects, by the mark of the page before."""
        query = [("limit", str(LIST_PAGE)), ("archived", "true" if archived else "false")]
        if after is not None:
            query.append(("after", after))
        if links:
            query.append(("associations", ",".join(links)))
        whole = sum(len(name) + 12 for name in properties) > LONGEST_QUERY
        names = ("hs_object_id",) if whole else tuple(properties)
        query += [("properties", name) for name in names]
        page = self._ask("GET", "objects", table, query=query, read=partial(answers.rows, names=names, links=links))
        return self._completed(table, page, properties) if whole else page

    def changed(
        self, table: str, modified: str, *, since_ms: int, until_ms: int, above: str, properties: Sequence[str]
    ) -> Rows:
        """A page of the objects modified in a window, in the order of their ids, `above` an id; `after` is an id too.

        Asking by id instead of by offset knows no limit of 10,000 and no endless loop where a bulk job stamped more
        objects than that with one and the same time.
        """
        whole = sum(len(name) + 4 for name in properties) + 500 > LONGEST_SEARCH
        names = ("hs_object_id",) if whole else tuple(properties)
        body = {
            "filterGroups": [
                {
                    "filters": [
                        {"propertyName": modified, "operator": "GTE", "value": str(since_ms)},
                        {"propertyName": modified, "operator": "LTE", "value": str(until_ms)},
                        {"propertyName": "hs_object_id", "operator": "GT", "value": above},
                    ]
                }
            ],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": names,
            "limit": SEARCH_PAGE,
        }
        page = self._ask("POST", "search", table, body=body, bucket="search", read=partial(answers.found, names=names))
        return self._completed(table, page, properties) if whole else page

    def links(self, table: str, to: str, ids: Iterable[str]) -> Mapping[str, tuple[Link, ...]]:
        """The associations of many objects, complete however many one has; an object without any is not in it."""
        found: dict[str, dict[tuple[str, str | None], Link]] = {}
        wanted = [{"id": id} for id in ids]
        while wanted:
            batch, wanted = wanted[:ASSOCIATION_BATCH], wanted[ASSOCIATION_BATCH:]
            for some in self._ask("POST", "links", table, to=to, body={"inputs": batch}, read=answers.associations):
                found.setdefault(some.id, {}).update(((link.id, link.label), link) for link in some.links)
                if some.after is not None:
                    wanted.append({"id": some.id, "after": some.after})
        return {id: in_order(links.values()) for id, links in found.items()}

    def read(self, table: str, ids: Sequence[str], names: Sequence[str]) -> Mapping[str, Mapping[str, str | None]]:
        """These properties of these objects; one that is gone is not in it."""
        told: dict[str, Mapping[str, str | None]] = {}
        for start in range(0, len(ids), OBJECT_BATCH):
            batch = [{"id": id} for id in ids[start : start + OBJECT_BATCH]]
            body = {"inputs": batch, "properties": list(names)}
            told |= self._ask("POST", "batch", table, body=body, read=answers.batch)
        return told

    def is_erased(self, table: str, id: str) -> bool:
        """Whether HubSpot knows no such object, not even an archived one.

        Of one that was merged into another it tells that other one.
        """
        return not any(self._knows(table, id, archived=archived) for archived in ("false", "true"))

    def _knows(self, table: str, id: str, *, archived: str) -> bool:
        path = path_of("object", self._version, table=table, to=id)
        send = partial(self._send, "GET", path, self._signed(), query=[("archived", archived)])
        try:
            return self._caller.call(partial(self._once, f"GET {path}", send, answers.is_there), bucket="general")
        except Permanent as error:
            if error.status != 404:
                raise
            # Somebody on the way may not know the path; HubSpot's own word has a number by which it is traced.
            return not error.correlation

    def properties(self, table: str) -> Sequence[Property]:
        return self._ask("GET", "properties", table, read=answers.properties)

    def stages(self) -> Mapping[tuple[str, str], Stage]:
        """The deals' stages by pipeline and stage."""
        return self._ask("GET", "pipelines", "deals", read=answers.stages)

    def owners(self) -> Mapping[str, str]:
        """The owners' addresses by the id that objects carry; those who left the company too."""
        return {id: email for archived in ("true", "false") for id, email in self._owners(archived)}

    def _owners(self, archived: str) -> Iterator[tuple[str, str]]:
        marks = Marks("owners")
        after: str | None = None
        while True:
            query = [("limit", "100"), ("archived", archived), *([("after", after)] if after else [])]
            owners, after = self._ask("GET", "owners", "", query=query, read=answers.owners)
            yield from owners
            if not marks.next(after):
                return

    def _completed(self, table: str, page: Rows, properties: Sequence[str]) -> Rows:
        """The same page with all properties, where their names do not fit a URL or a search."""
        told = self.read(table, page.ids, properties)
        # What went missing between the two questions was archived: the next full listing tells.
        there = [id in told for id in page.ids]
        ids = list(compress(page.ids, there))
        return replace(
            page,
            ids=ids,
            properties={name: [told[id].get(name) for id in ids] for name in properties},
            created_at=list(compress(page.created_at, there)),
            touched_at=list(compress(page.touched_at, there)),
        )

    def total(self, table: str, modified: str | None = None, *, since_ms: int = 0) -> int:
        """How many objects there are, or were modified since; a search tells the total even beyond its 10,000."""
        since = [{"propertyName": modified, "operator": "GTE", "value": str(since_ms)}] if modified else []
        body = {"filterGroups": [{"filters": since}] if since else [], "properties": ["hs_object_id"], "limit": 1}
        return self._ask("POST", "search", table, body=body, bucket="search", read=answers.total)

    def write(self, question: str, table: str, body: Answer, *, read: Callable[[Answer], T], query: Query = ()) -> T:
        """Asks for something to be done. Raises Lost where nobody knows whether it was: it is not asked for twice."""
        path = path_of(question, self._version, table=table)
        send = partial(self._send, "POST", path, self._signed(), query=query, body=body)
        return self._caller.call(partial(self._once_only, f"POST {path}", send, read), bucket="general")

    def grant(self, form: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
        """An access token for these credentials."""
        path = path_of("token", self._version)
        headers = {**self._as_usual, "Content-Type": "application/x-www-form-urlencoded"}
        send = partial(self._send, "POST", path, headers, form=form)
        raw, _ = self._caller.call(partial(self._raw, f"POST {path}", send), bucket="general")
        granted: Mapping[str, Any] = orjson.loads(raw)
        return granted

    def _ask(
        self,
        method: str,
        question: str,
        table: str,
        *,
        read: Callable[[bytes], T],
        to: str = "",
        query: Query = (),
        body: Answer | None = None,
        bucket: str = "general",
    ) -> T:
        path = path_of(question, self._version, table=table, to=to)
        send = partial(self._send, method, path, self._signed(), query=query, body=body)
        return self._caller.call(partial(self._once, f"{method} {path}", send, read), bucket=bucket)

    def _signed(self) -> Mapping[str, str]:
        """Before the tries: a key that cannot be had is no doubt about what was asked for."""
        return {**self._as_usual, "Content-Type": "application/json", "Authorization": f"Bearer {self._token(self)}"}

    def _once_only(self, request: str, send: Send, read: Callable[[Answer], T]) -> T:
        try:
            return self._once(request, send, lambda raw: read(orjson.loads(raw)))
        except Temporary as error:
            if certain(error):
                raise
            raise Lost(error.words, system=SYSTEM, request=error.request, status=error.status) from error

    def _once(self, request: str, send: Send, read: Callable[[bytes], T]) -> T:
        raw, kind = self._raw(request, send)
        try:
            return read(raw)
        except InPart as error:
            raise Temporary(f"{request}: {error}", system=SYSTEM, status=207) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            # An edge's maintenance page comes with status 200, and the SDK would take it for an empty answer.
            said = raw[:60].decode("utf-8", "replace")
            words = f"answered with {kind or 'something'} that is not what was asked for: {said!r}"
            raise Temporary(words, system=SYSTEM, request=request, status=200) from error

    def _raw(self, request: str, send: Send) -> tuple[bytes, str]:
        self._quota.may_call()
        self._on_call()
        try:
            response = send()
            self._quota.hear(response.headers)
            return response.data, response.headers.get("content-type", "")
        except ApiException as error:
            self._quota.hear(error.headers or {})
            raise refusal(error, request) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Temporary(_why(error), system=SYSTEM, request=request) from error

    def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        *,
        query: Query = (),
        body: Answer | None = None,
        form: Query = (),
    ) -> urllib3.BaseHTTPResponse:
        response: urllib3.BaseHTTPResponse = self._http.urlopen(
            method,
            self._below + path + ("?" + "&".join(f"{name}={_quoted(value)}" for name, value in query) if query else ""),
            headers=headers,
            body=urlencode(form) if form else None if body is None else orjson.dumps(body),
            retries=False,
            redirect=False,
            preload_content=False,
            timeout=self._timeout,
        )
        if not 200 <= response.status < 300:
            raise ApiException(http_resp=response)
        return response


#: Every page asks for the same properties.
_quoted = lru_cache(4_096)(quote_plus)


class Marks:
    """The pages' marks of one listing: one that comes back would send us round for ever."""

    def __init__(self, of: str) -> None:
        self._of = of
        self._seen: set[str] = set()

    def next(self, after: str | None) -> str | None:
        if after in self._seen:
            raise Temporary(f"the listing of {self._of} leads back to a page that was read: {after!r}", system=SYSTEM)
        if after is not None:
            self._seen.add(after)
        return after


def _why(error: BaseException) -> str:
    # A refused connection is a timeout by class.
    slow = isinstance(error, urllib3.exceptions.TimeoutError)
    if slow and not isinstance(error, urllib3.exceptions.NewConnectionError):
        return "did not answer in time"
    words = str(error)
    # urllib3 begins with the connection object's repr.
    plain = words.split(": ", 1)[1] if words.startswith(("<", "HTTP")) and ": " in words else words
    return f"cannot be reached: {plain}"
