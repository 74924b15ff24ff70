"""A feed's entries become mentions once; a feed that has nothing new is asked for nothing and says nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from connectors.base import Cursor, Page
from connectors.errors import Permanent
from connectors.feeds.rss import Rss, RssSettings
from connectors.records import Contact, Mention

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>Alerts</title>
<item><guid>g-1</guid><title>Acme &amp; co</title><link>https://blog.example/acme</link>
<description>&lt;b&gt;Acme&lt;/b&gt; is  kind</description><pubDate>Mon, 09 Mar 2026 10:00:00 +0100</pubDate></item>
<item><title>No id, no date</title><link>https://blog.example/2</link></item>
</channel></rss>"""
ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><id>f</id><title>A</title>
<updated>2026-03-09T10:00:00Z</updated><entry><id>tag:1</id><title>Acme</title>
<link href="https://forum.example/1"/><updated>2026-03-09T10:00:00Z</updated></entry></feed>"""


class Feeds(ThreadingHTTPServer):
    """Serves texts by their path, as a server with ETags does."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Serving)
        self.texts = {"/rss": RSS, "/atom": ATOM, "/html": "<html><body>moved</body></html>", "/empty": ""}
        self.asked: list[tuple[str, str | None, str | None]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class _Serving(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        feeds: Feeds = self.server  # type: ignore[assignment]
        known = self.headers.get("If-None-Match"), self.headers.get("If-Modified-Since")
        feeds.asked.append((self.path, *known))
        text = feeds.texts.get(self.path)
        etag = f'"{hash(text)}"'
        status = 404 if text is None else 304 if known[0] == etag else 200
        body = (text or "").encode() if status == 200 else b""
        self.send_response(status)
        self.send_header("ETag", etag)
        self.send_header("Last-Modified", "Mon, 09 Mar 2026 10:00:00 GMT")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read `asked`."""


@pytest.fixture
def feeds() -> Iterator[Feeds]:
    with Feeds() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield running
        running.shutdown()


def pulled(told: dict[str, str], cursor: Cursor | None = None, now: datetime = NOW) -> list[Page]:
    settings = RssSettings(type="rss", feeds=told, owner="care@acme.example")
    with closing(Rss(settings, sleep=lambda _: None)) as source:
        return list(source.pull(cursor, full=False, now=now))


def mentions(pages: list[Page]) -> list[Mention]:
    return [record for page in pages for record in page.records if isinstance(record, Mention)]


def test_entries_of_rss_and_atom_are_mentions_that_somebody_owns(feeds: Feeds) -> None:
    pages = pulled({"alerts": feeds.url("/rss"), "forum": feeds.url("/atom")})
    first, second, third = mentions(pages)
    assert (first.mention_id, first.source, first.url) == ("alerts:g-1", "alerts", "https://blog.example/acme")
    assert (first.text, first.at) == ("Acme & co – Acme is kind", datetime(2026, 3, 9, 9, tzinfo=UTC))
    assert (second.mention_id, second.at) == ("alerts:https://blog.example/2", NOW)
    assert third.mention_id == "forum:tag:1"
    owners = {r.contact_id: r.owner for page in pages for r in page.records if isinstance(r, Contact)}
    assert owners == {first.contact_id: "care@acme.example", third.contact_id: "care@acme.example"}


def test_a_feed_is_asked_for_what_is_new_alone_and_not_every_minute(feeds: Feeds) -> None:
    told = {"alerts": feeds.url("/rss")}
    cursor = pulled(told)[-1].cursor
    assert pulled(told, cursor, NOW + timedelta(minutes=5)) == []
    again = pulled(told, cursor, NOW + timedelta(minutes=15))
    assert mentions(again) == []
    assert feeds.asked[-1][1:] == (f'"{hash(RSS)}"', "Mon, 09 Mar 2026 10:00:00 GMT")
    feeds.texts["/rss"] = RSS.replace("g-1", "g-2")
    assert len(mentions(pulled(told, again[-1].cursor, NOW + timedelta(minutes=30)))) == 2


def test_what_is_no_feed_is_set_aside_and_one_that_is_gone_keeps_no_other_from_being_read(feeds: Feeds) -> None:
    for path in ("/html", "/empty"):
        (page,) = pulled({"page": feeds.url(path)})
        assert page.set_aside[0].where == "feeds/page"
        assert page.set_aside[0].words.startswith("is no feed")
    heard = list[Page]()
    settings = RssSettings(type="rss", feeds={"gone": feeds.url("/gone"), "forum": feeds.url("/atom")})
    with closing(Rss(settings)) as source, pytest.raises(Permanent, match="404"):
        heard.extend(page for page in source.pull(None, full=False, now=NOW))
    assert feeds.asked[-1][0] == "/atom"
