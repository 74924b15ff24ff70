"""Where in which template a render failed, and why, in words for its author."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError

from runner.yaml_file import closest


class Failures:
    """Tells of what failed in the templates of a folder; `names` are those that there are."""

    def __init__(self, folder: Path, names: Callable[[], Sequence[str]]) -> None:
        self._folder = folder
        self._names = names

    def label(self, file: str) -> str:
        """A template's file as faults call it."""
        return f"{self._folder.name}/{file}"

    def place(self, error: BaseException) -> tuple[str, int] | None:
        """The template's file and line where a render failed."""
        if isinstance(error, TemplateSyntaxError):
            return (self.label(error.name), error.lineno) if error.name else None
        places, frame = [], error.__traceback__
        while frame is not None:
            path = Path(frame.tb_frame.f_code.co_filename)
            if path.is_relative_to(self._folder):
                places.append((self.label(path.relative_to(self._folder).as_posix()), frame.tb_lineno))
            frame = frame.tb_next
        return places[-1] if places else None

    def told(self, error: BaseException) -> str:
        """Where and what, in one line."""
        place = self.place(error)
        where = f"{place[0]}:{place[1]}" if place else "subject or preheader"
        if isinstance(error, TemplateNotFound):
            near = closest(str(error.name), self._names())
            told = f"there is no template {error.name!r}" + (f"; {near}" if near else "")
            return f"{where}: {told}" if place else told
        return f"{where}: {words(error)}"


def words(error: BaseException) -> str:
    """What went wrong, in words for the template's author."""
    match error:
        case UndefinedError() | TemplateSyntaxError():
            return str(error.message)
        case OSError() | ValueError():
            return f"the MJML cannot be read: {error}"
    return f"{type(error).__name__}: {error}"
