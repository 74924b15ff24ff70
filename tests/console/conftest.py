"""A world with its pages, and a visitor who has a login there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from httpx2 import Response

from runner.app import logins
from runner.app.logins import Login, Role
from runner.clock import machine_now
from runner.web import Desk, create_app
from runner.web.console.entrance import SESSION
from runner.web.console.seal import Seal
from tests.core.world import World

ADA, PASSWORD = "ada@acme.example", "correct horse battery"


class Visitor:
    """Somebody at the pages, who keeps cookies and follows no redirect by themselves."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def get(self, path: str) -> Response:
        return self.client.get(path)

    def page(self, path: str) -> str:
        """The page as it stands there, which must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:300])
        return answer.text

    def log_in(self, email: str = ADA, password: str = PASSWORD, *, to: str = "") -> Response:
        token = token_in(self.get("/login").text)
        told = {"token": token, "email": email, "password": password, "to": to}
        return self.client.post("/login", data=told)

    def post(self, path: str, on: str = "", **told: str) -> Response:
        """The form that stands on the page `on`, or on the one that asks at the same path."""
        return self.client.post(path, data={"token": token_in(self.page(on or path)), **told})


def token_in(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    return found[1] if found else ""


@contextmanager
def visiting(world: World, *, url: str = "http://pages.example") -> Iterator[Visitor]:
    """The pages of a world; nobody is logged in."""
    desk = Desk.of(world.app)
    app = create_app(desk)
    with TestClient(app, base_url=url, raise_server_exceptions=False, follow_redirects=False) as client:
        yield Visitor(client)
    if desk.app is not None:
        desk.app.close()


def admit(world: World, role: Role = Role.ADMIN, email: str = ADA) -> Login:
    """Somebody whose password costs less than a real one, which takes a third of a second each time."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    told = {"email": email, "role": role, "password_hash": cheap, "created_at": world.now}
    world.do(sa.insert(logins.logins).values(**told))
    return next(one for one in logins.admitted(world.store) if one.email == email)


def let_in(world: World, visitor: Visitor, login: Login) -> Visitor:
    """As after a log-in, without the password."""
    token = logins.begin(world.store, login, machine_now())
    visitor.client.cookies.set(SESSION, Seal(world.app.settings.secrets).sign(SESSION, token))
    return visitor


@pytest.fixture
def at_the_door(world: World) -> Iterator[Visitor]:
    """A visitor before the login; Ada has one."""
    admit(world)
    with visiting(world) as visitor:
        yield visitor


@pytest.fixture
def inside(world: World) -> Iterator[Visitor]:
    """Ada, logged in."""
    with visiting(world) as visitor:
        yield let_in(world, visitor, admit(world))


@pytest.fixture
def inside_of() -> Iterator[Callable[..., Any]]:
    """Ada, logged in to the pages of whichever world."""
    opened = []

    def enter(world: World, role: Role = Role.ADMIN) -> Visitor:
        opened.append(visiting(world))
        return let_in(world, opened[-1].__enter__(), admit(world, role))

    yield enter
    for visit in opened:
        visit.__exit__(None, None, None)
