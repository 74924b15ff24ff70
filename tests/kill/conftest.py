"""Fresh companies on either database, and the processes that serve them all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kill.company import Company, found
from tests.kill.process import (
    HooksProcess,
    Nursery,
    SendGridProcess,
    running_hooks,
    running_sendgrid,
)

Fresh = Callable[..., AbstractContextManager[Company]]


@pytest.fixture(scope="session")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SendGridProcess]:
    with running_sendgrid(tmp_path_factory.mktemp("receiver")) as running:
        yield running


@pytest.fixture(scope="session")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HooksProcess]:
    with running_hooks(tmp_path_factory.mktemp("hooks")) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(
    request: pytest.FixtureRequest, nursery: Nursery, receiver: SendGridProcess, hooks: HooksProcess, tmp_path: Path
) -> Fresh:
    """Makes companies that nothing has happened to; each is gone after its block. Bare ones lack even tables."""

    @contextmanager
    def one(*, bare: bool = False, **how: Any) -> Iterator[Company]:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        with _store(request, folder, bare=bare) as url:
            yield found(folder, url, nursery=nursery, sendgrid=receiver, hooks=hooks, **how)
        shutil.rmtree(folder)

    if request.param not in _REHEARSED:
        _REHEARSED.add(request.param)
        with one() as company:
            company.rehearse()
    return one


#: The databases whose SQL the nursery knows.
_REHEARSED: set[str] = set()
_WHOLE: dict[str, dict[str, int]] = {}


@pytest.fixture
def whole(request: pytest.FixtureRequest, fresh: Fresh) -> dict[str, int]:
    """How often a run that nobody kills does each thing that it can be killed at."""
    kind = request.node.callspec.params["fresh"]
    if kind not in _WHOLE:
        with fresh() as company:
            assert company.run() == 0, company.said
            _WHOLE[kind] = company.counts
    return _WHOLE[kind]


@contextmanager
def _store(request: pytest.FixtureRequest, folder: Path, *, bare: bool) -> Iterator[str]:
    if request.param == "sqlite":
        if not bare:
            shutil.copytree(request.getfixturevalue("_sqlite_model"), folder, dirs_exist_ok=True)
        yield "sqlite:///regulars.db"
        return
    model = None if bare else request.getfixturevalue("_postgresql_model")
    with request.getfixturevalue("_postgres").fresh_database(model=model) as url:
        yield url
