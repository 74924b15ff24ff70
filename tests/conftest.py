"""What every test may ask for, and what none may do: reach beyond this machine, or skip where skipping is forbidden."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from tests.memory import in_memory
from tests.postgres import PostgresServer, running_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.core.world import World
    from tests.kill.process import Nursery

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared"

# Where `tmp_path` lies: every commit of a store waits for its disk.
if (memory := in_memory()) is not None:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", memory)

#: A developer's own keys and colours must not reach a test.
PRIVATE_VARIABLES = ("HUBSPOT_TOKEN", "SENDGRID_API_KEY", "SENDGRID_WEBHOOK_KEY", "REGULARS_SECRET", "FORCE_COLOR")


@pytest.fixture(scope="session", autouse=True)
def _same_surroundings() -> Iterator[None]:
    """No proxy before a loopback server, no colours, one width of the terminal, none of the developer's keys."""
    with pytest.MonkeyPatch.context() as patch:
        for name in PRIVATE_VARIABLES:
            patch.delenv(name, raising=False)
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "localhost,127.0.0.1,::1")
        patch.setenv("NO_COLOR", "1")
        patch.setenv("COLUMNS", "160")
        yield


@pytest.fixture(scope="session", autouse=True)
def _plain_tracebacks() -> None:
    """Of a fault that is logged before a command has said how: drawing every frame's variables takes seconds."""
    first = structlog.get_config()["processors"][:-1]
    last = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*first, last])


@pytest.fixture(scope="session", autouse=True)
def _nothing_leaves_this_machine() -> Iterator[None]:
    """Sockets connect to the loopback or to a file, names other than localhost are not looked up."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse_unless_loopback(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_unless_loopback(self.family, address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *rest: Any, **named: Any) -> Any:
        if host is not None and not _is_loopback(host):
            raise ForbiddenConnection(host)
        return getaddrinfo(host, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
        yield


class ForbiddenConnection(RuntimeError):
    """A test tried to reach beyond this machine. Start a loopback server and give its address instead."""

    def __init__(self, host: object) -> None:
        super().__init__(f"a test tried to reach {host!r}; give it the address of a loopback server")


def _refuse_unless_loopback(family: int, address: Any) -> None:
    if family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
        raise ForbiddenConnection(address[0])


def _is_loopback(host: str | bytes) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in ("localhost", ""):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """The URL of a new store that has its tables and no rows; a test that asks for it runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest) -> str:
    """The URL of a database without a single table, on each kind: for tests of the migrations."""
    url: str = request.getfixturevalue(f"empty_{request.param}_url")
    return url


@pytest.fixture
def sqlite_url(tmp_path: Path, empty_sqlite_url: str, _sqlite_model: Path) -> str:
    """A SQLite file with the store's tables. Copied: migrating takes fifty times as long."""
    shutil.copytree(_sqlite_model, tmp_path, dirs_exist_ok=True)
    return empty_sqlite_url


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'regulars.db'}"


@pytest.fixture
def postgresql_url(_postgres: PostgresServer, _postgresql_model: str) -> Iterator[str]:
    """A PostgreSQL database with the store's tables. Copied, as above."""
    with _postgres.fresh_database(model=_postgresql_model) as url:
        yield url


@pytest.fixture
def empty_postgresql_url(_postgres: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database with nothing in it."""
    with _postgres.fresh_database() as url:
        yield url


@pytest.fixture(scope="session")
def _sqlite_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sqlite-model")
    _with_tables(f"sqlite:///{folder / 'regulars.db'}")
    return folder


@pytest.fixture(scope="session")
def _postgresql_model(_postgres: PostgresServer) -> Iterator[str]:
    with _postgres.fresh_database() as url:
        _with_tables(url)
        yield url


def _with_tables(url: str) -> None:
    from runner.store.engine import Store
    from runner.store.migrate import migrate

    with Store(url) as store:
        migrate(store)


@pytest.fixture(scope="session")
def _postgres() -> Iterator[PostgresServer]:
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where processes of `regulars` are born that need not import it."""
    from tests.kill.process import running_nursery

    with running_nursery() as running:
        yield running


@pytest.fixture
def world(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    """A workspace, its store on SQLite, and a clock."""
    from tests.core.world import World

    with closing(World(tmp_path, sqlite_url)) as made:
        yield made


@pytest.fixture
def each_world(database: str, tmp_path: Path) -> Iterator[World]:
    """A world on SQLite, then one on PostgreSQL."""
    from tests.core.world import World

    with closing(World(tmp_path, database)) as made:
        yield made


@pytest.fixture
def world_with(sqlite_url: str, tmp_path: Path) -> Iterator[Callable[[str], World]]:
    """A world with these lines added to its settings."""
    from tests.core.world import World

    with ExitStack() as worlds:
        yield lambda settings: worlds.enter_context(closing(World(tmp_path, sqlite_url, settings)))


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder beside the checkout with the real data; tests that ask for it are skipped where it is not there."""
    if not SHARED.is_dir():
        pytest.skip("the folder with the real data is not there")
    return SHARED


@pytest.fixture(scope="module")  # While it lives its event loop counts as running, so other modules must be free of it.
def _browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    program = _chromium()
    if program is None:
        pytest.skip("needs Chromium (Debian: sudo apt install chromium), or REGULARS_CHROMIUM=/path/to/it")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=quiet)
        yield browser
        browser.close()


@pytest.fixture
def page(_browser: Browser) -> Iterator[Page]:
    """A page of a fresh Chromium profile; the test is skipped where no Chromium is installed."""
    with _browser.new_context(locale="en-GB", timezone_id="Europe/Warsaw") as context:
        yield context.new_page()


def _chromium() -> str | None:
    named = os.environ.get("REGULARS_CHROMIUM")
    programs = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    mac = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
    found = named or next((path for path in map(shutil.which, programs) if path), None)
    return found or (str(mac) if mac.exists() else None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "shared_folder" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.needs_shared)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if item.get_closest_marker("needs_shared") is None:
        _fail_where_skipping_is_forbidden(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    report = yield
    _fail_where_skipping_is_forbidden(report)
    return report


def _fail_where_skipping_is_forbidden(report: Any) -> None:
    """With REGULARS_NO_SKIP set a skipped test or module is a failure: the machine is meant to have everything."""
    if os.environ.get("REGULARS_NO_SKIP") and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"REGULARS_NO_SKIP is set, and this was skipped. {reason}"
