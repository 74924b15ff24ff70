"""Nobody comes in without a login, and nothing is done by a form that is not ours."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.routing import APIRoute

from runner.app import logins
from runner.app.logins import LASTS, Role
from runner.cli.main import app as command
from runner.clock import machine_now
from runner.web import Desk, create_app
from runner.web.console.attempts import FROM_ONE_PLACE, Attempts
from tests.console.conftest import ADA, PASSWORD, Visitor, admit, let_in, token_in, visiting
from tests.core.world import World

#: What is for everybody: links in mails, webhooks, what others tell, and the door itself.
PUBLIC = re.compile(r"/(s|u|r|c|o|f|i)/|/(p|t)/|/webhooks/|/api/|/static/|/healthz|/login|/logout|/favicon.ico")


def test_whatever_is_not_public_leads_to_the_login(world: World, at_the_door: Visitor) -> None:
    behind = [route for route in routes_of(create_app(Desk.of(world.app))) if not PUBLIC.match(route.path)]
    assert {"/", "/playbooks", "/log", "/kpis", "/answers", "/deliverability", "/settings"} <= {
        one.path for one in behind
    }
    for route in behind:
        path = re.sub(r"\{\w+(:int)?\}", "1", route.path)
        for method in route.methods:
            answer = at_the_door.client.request(method, path)
            assert (answer.status_code, "login" in answer.headers["location"]) == (303, True), (method, path)


def routes_of(router: Any) -> Iterator[APIRoute]:
    """Every route, also those of routers within routers."""
    for one in router.routes:
        if isinstance(one, APIRoute):
            yield one
        elif (within := getattr(one, "original_router", None)) is not None:
            yield from routes_of(within)


def test_a_wrong_password_and_an_address_without_a_login_look_alike(at_the_door: Visitor) -> None:
    wrong, unknown = at_the_door.log_in(password="not it, not it"), at_the_door.log_in("eve@acme.example")
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    forgotten = re.compile(r'value="[^"]*"')
    assert forgotten.sub("", wrong.text) == forgotten.sub("", unknown.text)
    assert at_the_door.get("/").status_code == 303


def test_the_login_leads_to_where_somebody_wanted_to_go_and_never_elsewhere(at_the_door: Visitor) -> None:
    asked = at_the_door.get("/log?status=held")
    assert asked.headers["location"] == "./login?to=/log%3Fstatus%3Dheld"
    assert at_the_door.log_in(to="/log?status=held").headers["location"] == "./log?status=held"
    for foreign in ("//evil.example/", "https:\\\\evil.example"):
        where = at_the_door.log_in(to=foreign).headers["location"]
        assert re.fullmatch(r"\./[^/:\\]*/?", where), where


def test_without_any_login_the_page_says_how_to_make_one(world: World) -> None:
    with visiting(world) as visitor:
        assert "regulars user add" in visitor.page("/login")


def test_trying_too_often_is_refused_even_with_the_right_password(at_the_door: Visitor) -> None:
    tried = [at_the_door.log_in(password="guess guess").status_code for _ in range(FROM_ONE_PLACE.at_once)]
    assert set(tried) == {401}
    refused = at_the_door.log_in()
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")


def test_a_place_that_waits_may_try_again_and_other_places_may_at_once() -> None:
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    while attempts.allows("here", ADA):
        pass
    assert attempts.allows("elsewhere", ADA)
    now[0] += FROM_ONE_PLACE.seconds
    assert attempts.allows("here", ADA)
    assert not attempts.allows("here", ADA)


def test_one_address_is_not_guessed_much_faster_from_many_places() -> None:
    attempts = Attempts(lambda: 0.0)
    allowed = sum(attempts.allows(f"place {number}", ADA) for number in range(200))
    assert allowed == 30


def test_a_form_without_the_token_of_our_pages_does_nothing(world: World, inside: Visitor) -> None:
    for told in ({}, {"token": "made up"}, {"token": token_in(inside.page("/settings")) + "x"}):
        assert inside.client.post("/pause", data=told).status_code == 403
    assert inside.client.post("/login", data={"email": ADA, "password": PASSWORD}).status_code == 403
    assert "Resume everything" not in inside.page("/playbooks")


def test_a_token_of_another_session_does_nothing(world: World, inside: Visitor) -> None:
    with visiting(world) as other:
        theirs = token_in(let_in(world, other, admit(world, email="bo@acme.example")).page("/settings"))
    assert inside.client.post("/pause", data={"token": theirs}).status_code == 403


def test_a_session_ends_with_the_log_out(inside: Visitor) -> None:
    kept = inside.client.cookies["regulars_session"]
    assert inside.post("/logout", on="/").status_code == 303
    inside.client.cookies.set("regulars_session", kept)
    assert inside.get("/").status_code == 303


@pytest.mark.parametrize("ending", ["password", "removal", "time"])
def test_a_session_ends_with_its_password_its_login_and_its_time(world: World, ending: str) -> None:
    login = admit(world)
    token = logins.begin(world.store, login, machine_now())
    assert logins.whose(world.store, token, machine_now()) == login
    if ending == "password":
        logins.change_password(world.store, ADA, "another long password")
    elif ending == "removal":
        logins.dismiss(world.store, ADA)
    later = machine_now() + (LASTS if ending == "time" else timedelta(0))
    assert logins.whose(world.store, token, later) is None


@pytest.mark.parametrize(("url", "secure"), [("http://pages.example", False), ("https://hello.acme.example", True)])
def test_the_cookie_is_for_us_alone(world: World, url: str, secure: bool) -> None:
    admit(world)
    with visiting(world, url=url) as visitor:
        cookies = [one.lower() for one in visitor.log_in().headers.get_list("set-cookie")]
    session = next(one for one in cookies if one.startswith("regulars_session="))
    assert "httponly" in session
    assert "samesite=lax" in session
    assert ("secure" in session) is secure


def test_behind_a_proxy_that_says_nothing_of_tls_the_cookie_is_for_tls_all_the_same(world: World) -> None:
    admit(world)
    with visiting(world, url="http://hello.acme.example") as visitor:
        assert "secure" in visitor.get("/login").headers["set-cookie"].lower()


def test_a_reader_looks_and_does_not_decide(world: World, inside_of: Callable[..., Visitor]) -> None:
    reader = inside_of(world, Role.READER)
    assert "Pause everything" not in reader.page("/playbooks")
    token = token_in(reader.page("/"))
    assert reader.client.post("/pause", data={"token": token}).status_code == 403
    assert reader.client.post("/tasks/1/done", data={"token": token}).status_code == 403


def test_pages_forbid_every_script_and_every_other_site(inside: Visitor) -> None:
    headers = inside.get("/").headers
    assert "default-src 'none'; style-src 'self'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_the_store_holds_neither_a_password_nor_what_a_cookie_holds(world: World, inside: Visitor) -> None:
    kept = str(world.rows(logins.logins.select())) + str(world.rows(logins.login_sessions.select()))
    session = inside.client.cookies["regulars_session"].partition(".")[0]
    assert session not in kept
    assert PASSWORD not in kept


def test_a_login_is_made_listed_and_taken_back_by_a_command(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a long enough password\n"))
    call = ["-C", str(world.folder), "user"]
    command([*call, "add", "Bo@Acme.example", "--role", "reader", "--password-stdin"], standalone_mode=False)
    command([*call, "list", "--json"], standalone_mode=False)
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["email"], told["role"]) == ("bo@acme.example", "reader")
    assert logins.recognise(world.store, "BO@acme.example", "a long enough password") is not None
    command([*call, "remove", "bo@acme.example"], standalone_mode=False)
    assert not logins.anybody(world.store)


def test_a_short_password_is_none(world: World) -> None:
    with pytest.raises(logins.WrongUsage, match="12 to 256 characters, this one 5"):
        logins.admit(world.store, ADA, "short", Role.ADMIN, world.now)
