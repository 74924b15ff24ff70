"""RSS and Atom feeds, such as alerts on the company's name: each entry is a mention, and somebody's to answer."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from html import unescape
from typing import Any, Literal

from pydantic import Field, field_validator

from connectors.base import ConnectorSettings, Cursor, Page, SetAside, Source
from connectors.errors import ConnectorError
from connectors.feeds.http import client, get
from connectors.limits import Caller
from connectors.records import Contact, Mention

SYSTEM = "feed"
#: Characters of an entry's text that are kept.
LONGEST = 1000


class RssSettings(ConnectorSettings):
    """`{type: rss, feeds: {alerts: "https://…"}, owner: care@acme.example}`."""

    type: Literal["rss"] = "rss"
    #: Feeds by the name under which their mentions stand.
    feeds: Mapping[str, str] = Field(min_length=1)
    #: Who is told of mentions: the owner of the contact that stands for a feed.
    owner: str | None = None
    #: Minutes between two looks at a feed.
    every_minutes: int = Field(15, ge=1)

    @field_validator("feeds")
    @classmethod
    def _addresses(cls, feeds: Mapping[str, str]) -> Mapping[str, str]:
        wrong = next((url for url in feeds.values() if not re.fullmatch(r"https?://[!-~]+", url)), None)
        if wrong is not None:
            raise ValueError(f"must be a web address such as https://example.com/feed, is {wrong!r}")
        return feeds


class Rss(Source):
    """Feeds whose entries are mentions. Each is asked only for what is new to it, by ETag and Last-Modified."""

    type = "rss"
    settings_model = RssSettings
    tells_parts = True

    def __init__(
        self,
        settings: RssSettings,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._caller = Caller(tries=3, seconds=20.0, sleep=sleep, monotonic=monotonic)

    @classmethod
    def open(cls, settings: RssSettings, **_: object) -> Rss:
        return cls(settings)

    def pull(self, cursor: Cursor | None, *, full: bool, now: datetime) -> Iterator[Page]:
        places = {} if full else {name: dict(place) for name, place in (cursor or {}).get("feeds", {}).items()}
        failed: ConnectorError | None = None
        for name, url in self._settings.feeds.items():
            place = places.get(name, {})
            place = place if place.get("url") == url else {"url": url}
            if "at" in place and now - datetime.fromisoformat(place["at"]) < timedelta(
                minutes=self._settings.every_minutes
            ):
                continue
            try:
                status, headers, body = self._ask(url, place)
            except ConnectorError as error:
                failed = error  # The other feeds are asked all the same.
                continue
            places[name] = {"url": url, "at": now.isoformat(), **_marks(place if status == 304 else {}, headers)}
            yield from self._pages(name, body if status == 200 else None, {"feeds": places}, now)
        if failed is not None:
            raise failed

    def close(self) -> None:
        if "_http" in self.__dict__:
            self._http.close()

    @cached_property
    def _http(self) -> Any:
        return client({"Accept": "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5"})

    def _ask(self, url: str, place: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        named = {"etag": "If-None-Match", "modified": "If-Modified-Since"}
        headers = {header: place[mark] for mark, header in named.items() if mark in place}

        def once() -> tuple[int, Mapping[str, str], bytes]:
            self.calls += 1
            return get(self._http, url, system=SYSTEM, headers=headers)

        return self._caller.call(once)

    def _pages(self, name: str, body: bytes | None, cursor: Cursor, now: datetime) -> Iterator[Page]:
        """Whom the feed's mentions are given to, then the mentions."""
        mentions, aside = _mentions(name, body, now) if body is not None else ([], [])
        if mentions:
            whose = Contact(contact_id=_whose(name), first_name=name, owner=self._settings.owner, created_at=now)
            yield Page(Contact.table, [whose], cursor)
        yield Page(Mention.table, mentions, cursor, aside)


def _marks(before: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
    """What the feed wants to be asked with the next time."""
    told = {"etag": headers.get("etag"), "modified": headers.get("last-modified")}
    kept = {mark: before[mark] for mark in told if mark in before}
    return kept | {mark: value for mark, value in told.items() if value}


def _mentions(name: str, body: bytes, now: datetime) -> tuple[list[Mention], list[SetAside]]:
    """The feed's entries; what is no feed is told."""
    import feedparser

    read = feedparser.parse(body)
    if not read.entries and not read.get("version"):  # it has none where there is nothing at all
        words = f"is no feed: {read.get('bozo_exception', 'it has no entries')}"
        return [], [SetAside(f"feeds/{name}", "", "", words)]
    return [_mention(name, entry, now) for entry in read.entries], []


def _mention(name: str, entry: Mapping[str, Any], now: datetime) -> Mention:
    link = entry.get("link")
    text = " – ".join(filter(None, (_plain(entry.get(part, "")) for part in ("title", "summary"))))
    id = str(entry.get("id") or link or hashlib.blake2b(text.encode(), digest_size=12).hexdigest())
    return Mention(
        mention_id=f"{name}:{id}"[:500],
        contact_id=_whose(name),
        source=name,
        url=link,
        text=text[:LONGEST] or "(no words)",
        at=min(_at(entry) or now, now),
    )


def _whose(name: str) -> str:
    return f"feed {name}"


def _plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def _at(entry: Mapping[str, Any]) -> datetime | None:
    """When it was said; feedparser gives it in UTC."""
    told = entry.get("published_parsed") or entry.get("updated_parsed")
    if told is None:
        return None
    try:
        year, month, day, hour, minute, second = told[:6]
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
