"""Whoever knocks: strict headers on every answer, no forged link, no flood, no fault shown raw."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from runner.links import Kind, Links
from runner.render.page_words import WORDS
from runner.store.tables import answers, consents, contacts, enrollments, sends, suppressions
from runner.web import Desk, create_app
from runner.web.guard import BURST, FORM_BYTES, WEBHOOK_BYTES
from tests.conftest import REPOSITORY
from tests.web.conftest import PUBLIC_URL, path_of
from tests.web.given import letter, person, rows


@pytest.fixture
def ada(desk: Desk) -> int:
    found = person(desk.store)
    letter(desk.store, found)
    return found


def links_of(links: Links, contact_id: int) -> dict[str, str]:
    makes = {kind: getattr(links, kind) for kind in Kind if kind not in (Kind.CLICK, Kind.FRIEND)}
    return {kind: path_of(make("s-1", contact_id)) for kind, make in makes.items()}


def test_a_scanner_that_opens_every_link_changes_nothing(client: TestClient, desk: Desk, ada: int) -> None:
    before = rows(desk.store, enrollments)
    for link in (*links_of(desk.links, ada).values(), *(path_of(desk.links.answer("s-1", ada, n)) for n in range(11))):
        assert client.get(link).status_code == 200
        assert client.head(link).status_code == 200
    for table in (answers, suppressions, consents):
        assert rows(desk.store, table) == []
    assert rows(desk.store, enrollments) == before
    (person_now,), (send,) = rows(desk.store, contacts), rows(desk.store, sends)
    assert (person_now["opted_out"], person_now["nps_score"], send["answered_at"], send["clicked"]) == (
        None,
        None,
        None,
        "machine",
    )


def test_a_link_is_worth_nothing_as_another_kind_of_link(client: TestClient, desk: Desk, ada: int) -> None:
    token = {kind: path.rsplit("/", 1)[-1] for kind, path in links_of(desk.links, ada).items()}
    own = {
        "s": {"survey"},
        "u": {"unsubscribe", "preferences"},
        "r": {"review", "referral"},
        "c": {"trap"},
        "o": {"open"},
    }
    for place, kinds in own.items():
        for kind, one in token.items():
            assert client.get(f"/{place}/{one}").status_code == (200 if kind in kinds else 404)


@pytest.mark.parametrize(
    "cut", [lambda t: t[:-1], lambda t: "2" + t[1:], lambda t: t + "x", lambda t: "%00", lambda t: "é" * 9]
)
def test_a_forged_link_is_refused_kindly_and_changes_nothing(client: TestClient, desk: Desk, ada: int, cut) -> None:  # type: ignore[no-untyped-def]
    place, token = links_of(desk.links, ada)["unsubscribe"].strip("/").split("/")
    page = client.post(f"/{place}/{cut(token)}", data={"List-Unsubscribe": "One-Click"})
    assert (page.status_code, "This link does not work" in page.text) == (404, True)
    assert rows(desk.store, suppressions) == []


def test_a_link_signed_with_another_secret_is_refused(client: TestClient, desk: Desk, ada: int) -> None:
    forged = Links(PUBLIC_URL, ["another secret"])
    assert client.get(path_of(forged.survey("s-1", ada))).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/s/forged", "/nowhere", "/healthz", "/static/pages.css", "/webhooks/nobody", "/", "/docs", "/openapi.json"],
)
def test_every_answer_is_guarded(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert "noindex" in headers["x-robots-tag"]
    assert headers["cache-control"] == ("public, max-age=3600" if path.startswith("/static") else "no-store")
    assert "set-cookie" not in headers


def test_a_page_asks_no_other_site_for_anything_and_runs_no_script(client: TestClient, desk: Desk, ada: int) -> None:
    class Asked(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            said = dict(attrs)
            assert tag not in ("script", "img", "iframe", "style")
            assert not any(name == "style" or name.startswith("on") for name in said)
            if tag == "link":
                assert said["href"] == "../static/pages.css"

    for link in links_of(desk.links, ada).values():
        Asked().feed(client.get(link).text)


def test_too_many_pages_at_once_are_put_off(client: TestClient) -> None:
    answers = [client.get("/s/forged").status_code for _ in range(BURST + 5)]
    assert answers[:BURST] == [404] * BURST
    assert answers[-1] == 429
    late = client.get("/s/forged")
    assert late.headers["retry-after"] == "30"
    assert "One moment, please" in late.text
    assert client.get("/healthz").status_code == 200


def test_a_long_body_is_refused_before_it_is_read(client: TestClient, desk: Desk, ada: int) -> None:
    link = path_of(desk.links.survey("s-1", ada))
    assert client.post(link, data={"score": "1", "comment": "x" * FORM_BYTES}).status_code == 413
    assert client.post("/webhooks/sendgrid", content=b"x" * (WEBHOOK_BYTES + 1)).status_code == 413
    streamed = client.post(link, content=iter([b"x" * 40_000, b"y" * 40_000]))
    assert (streamed.status_code, "too long" in streamed.text) == (413, True)


def test_a_file_in_a_form_is_refused(client: TestClient, desk: Desk, ada: int) -> None:
    page = client.post(path_of(desk.links.survey("s-1", ada)), files={"comment": ("a.txt", b"words")})
    assert (page.status_code, "could not be read" in page.text) == (400, True)


def test_a_fault_of_ours_is_a_page_that_says_so(client: TestClient, desk: Desk, ada: int) -> None:
    with desk.store.write() as connection:
        connection.exec_driver_sql("ALTER TABLE answers RENAME TO mislaid")
    page = client.get(path_of(desk.links.survey("s-1", ada)))
    assert (page.status_code, "went wrong on our side" in page.text) == (500, True)
    assert "mislaid" not in page.text
    assert page.headers["referrer-policy"] == "no-referrer"


def test_a_company_may_bring_its_own_page(client: TestClient, desk: Desk, ada: int) -> None:
    own = desk.templates_folder / "pages"
    own.mkdir(parents=True)
    (own / "unsubscribe.html").write_text(
        "{% extends 'base.html' %}{% block main %}<form method=post><button>Ciao</button></form>{% endblock %}"
    )
    assert "Ciao" in client.get(links_of(desk.links, ada)["unsubscribe"]).text


def test_a_companys_broken_page_leaves_words_in_its_place(client: TestClient, desk: Desk) -> None:
    own = desk.templates_folder / "pages"
    own.mkdir(parents=True)
    (own / "base.html").write_text("{{ nothing.like.it }}")
    page = client.get("/s/forged")
    assert (page.status_code, page.text.startswith("That went wrong on our side")) == (500, True)


def test_behind_a_prefix_the_pages_find_their_stylesheet(desk: Desk, ada: int) -> None:
    with TestClient(create_app(desk), root_path="/hello", base_url=PUBLIC_URL) as behind_a_proxy:
        assert '"../static/pages.css"' in behind_a_proxy.get(links_of(desk.links, ada)["survey"]).text
        assert '"static/pages.css"' in behind_a_proxy.get("/nowhere").text.replace("./static", "static")


def test_health_tells_when_the_store_is_gone(client: TestClient, desk: Desk) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.head("/healthz").status_code == 200
    desk.store.close()
    Path(str(desk.store.url.database)).unlink()
    assert client.get("/healthz").status_code == 503


def test_every_word_is_said_somewhere() -> None:
    source = "".join(path.read_text() for path in (REPOSITORY / "templates").glob("*/*") if path.is_file())
    families = (
        "survey.comment",
        "survey.nps",
        "survey.csat",
        "survey.ces",
        "survey.exit",
        "survey.fault",
        "problem",
        "preferences",
        "testimonial",
        "friend",
    )
    for key in WORDS:
        assert f'say("{key}"' in source or key.startswith(families), key
