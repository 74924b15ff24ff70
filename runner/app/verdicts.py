"""What was found wrong with mails and pages, kept beside the workspace: what has not changed is not rendered anew.

A verdict is found again by a digest of all it went by: the templates' text, what was asked, and the product itself with
what it is built on. A file that cannot be read, or is of other templates, is as if it were not there. Where the
workspace has no private folder yet, nothing is kept: a look makes none.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from runner.app.private import PRIVATE
from runner.app.starters import starters
from runner.errors import Fault

_FILE = "verdicts.json"
#: More than any workspace's mails; beyond it is begun anew.
_AT_MOST = 2_000


class Verdicts:
    """Those on one state of the templates."""

    def __init__(self, kept: dict[str, list[list[Any]]]) -> None:
        self.kept = kept
        self.is_more = False

    def on(self, asked: Iterable[object], find: Callable[[], Iterable[Fault]]) -> list[Fault]:
        """What was found when the same was asked before, or what is found now."""
        key = _digest(json.dumps(list(asked), default=_told, sort_keys=True).encode())
        if (known := self.kept.get(key)) is not None:
            return [Fault(*fault) for fault in known]
        found = list(find())
        self.kept[key] = [list(astuple(fault)) for fault in found]
        self.is_more = True
        return found


@contextmanager
def verdicts(workspace: Path) -> Iterator[Verdicts]:
    """Those on the workspace's templates as they are; what is found within is kept at the end."""
    file, of = workspace / PRIVATE / _FILE, _state(workspace)
    known = Verdicts(_kept(file, of))
    yield known
    if known.is_more and file.parent.is_dir():
        _keep(file, of, known.kept if len(known.kept) <= _AT_MOST else {})


def _kept(file: Path, of: str) -> dict[str, list[list[Any]]]:
    try:
        document = json.loads(file.read_bytes())
        kept = document["verdicts"] if document["of"] == of else {}
        return {str(key): [list(astuple(Fault(*fault))) for fault in faults] for key, faults in kept.items()}
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return {}


def _keep(file: Path, of: str, kept: dict[str, list[list[Any]]]) -> None:
    """In one go, so that nobody reads half of it; a folder that nobody may write to keeps nothing."""
    draft = file.with_name(f"{_FILE}.{os.getpid()}")
    with suppress(OSError):
        draft.write_text(json.dumps({"of": of, "verdicts": kept}), encoding="utf-8")
        draft.replace(file)


def _state(workspace: Path) -> str:
    """A digest of every template, and of the product."""
    folder = workspace / "templates"
    written = [[path.relative_to(folder).as_posix(), _written(path)] for path in _files(folder)]
    return _digest(json.dumps([_product(), written]).encode())


def _written(path: Path) -> str:
    """A digest of a file; of one that nobody can read, or that an editor has put away by now, nothing."""
    try:
        return _digest(path.read_bytes())
    except OSError:
        return ""


@cache
def _product() -> str:
    """The product and the libraries beside it as they are installed, or checked out: as their files were written."""
    here = Path(__file__).resolve().parents[1]
    parts = [*here.rglob("*.py"), *_files(starters() / "templates"), Path(jinja2.__file__).parents[1]]
    stamps = sorted((str(path), (stat := path.stat()).st_mtime_ns, stat.st_size) for path in parts)
    return _digest(json.dumps(stamps).encode())


def _files(folder: Path) -> list[Path]:
    """Those in folders that are elsewhere and linked to as well: Jinja reads them."""
    found = (Path(at, name) for at, _, names in os.walk(folder, followlinks=True) for name in names)
    return sorted(path for path in found if path.is_file())


def _digest(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _told(value: object) -> str:
    return f"{type(value).__name__} {value!r}"
