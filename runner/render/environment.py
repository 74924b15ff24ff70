"""The language of the templates: Jinja in a sandbox, where a missing value is empty and an unknown name is a fault.

Besides the plain render there are the recorded one (`recording`) and the outline, a render without the text that stands
in the template itself (`rewriting`): who have the same outline have the same text around their values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import count
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from runner.render import filters, rewriting
from runner.render.languages import Words
from runner.render.named import Fields, Unknown
from runner.render.recording import outlining, recording, shown

#: What Jinja hands to a call besides its arguments.
_JINJAS_OWN = ("_loop_vars", "_block_vars")


class _Files(FileSystemLoader):
    """Templates by their files; while a batch is rendered each is looked at once and not once a letter."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        #: Those that were as they had been read, during a batch.
        self._looked_at: set[str] | None = None

    @contextmanager
    def batch(self) -> Iterator[None]:
        self._looked_at = set()
        try:
            yield
        finally:
            self._looked_at = None

    def get_source(self, environment: Any, template: str) -> tuple[str, str, Callable[[], bool]]:
        source, file, unchanged = super().get_source(environment, template)

        def as_it_was_read() -> bool:
            looked_at = self._looked_at
            if looked_at is None:
                return unchanged()
            if file not in looked_at and unchanged():
                looked_at.add(file)
            return file in looked_at

        return source, file, as_it_was_read


class Environment(ImmutableSandboxedEnvironment):
    """Jinja with the fields, filters and functions that a template may name; renders outlines where asked to."""

    code_generator_class = rewriting.Code
    #: Whom the letters come from, in every context the same.
    sender: Fields | None = None

    def __init__(self, folder: Path, *, outlines: bool = False) -> None:
        super().__init__(
            loader=(files := _Files(folder)),
            undefined=Unknown,
            autoescape=lambda name: name is None or not name.endswith(".txt"),
            finalize=shown,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=True,
        )
        self.files = files
        self.outlines = outlines
        #: What was read and is compiled next, by its text and name.
        self._read: dict[tuple[str, str | None], nodes.Template] = {}
        #: How a render of it prints, or notes, its values.
        self.recording: Callable[[Context], Any] = outlining if outlines else recording
        #: Numbers of an outline's pieces, no two alike in any of its templates.
        self._marks = count() if outlines else None
        for name in filters.OF_A_VALUE:
            self.filters[name] = filters.missing_stays_missing(self.filters[name])
        self.filters |= filters.FILTERS | rewriting.CALLED
        # Nothing of Jinja's own globals is wanted but counting: `lipsum` and friends only make mistakes quiet.
        self.globals = {"range": self.globals["range"], **filters.FUNCTIONS}

    def call(__self, __context: Context, __obj: Any, *args: Any, **named: Any) -> Any:  # noqa: N805
        """A person's links are ours and safe to call; whatever else a template calls is looked at first."""
        if type(__obj) is partial:
            # What Jinja adds within loops and blocks is for functions that ask for the context.
            return __obj(*args, **{name: value for name, value in named.items() if name not in _JINJAS_OWN})
        if __obj is filters.days_since and not named:
            return filters.days_since(__context, *args)
        return super().call(__context, __obj, *args, **named)

    def is_sender(self, named: object) -> bool:
        """Whether what a template calls so is whom all letters come from."""
        return named is self.sender

    def is_words(self, named: object) -> bool:
        """Whether what a template calls so says words: those that are rendered together have the same."""
        return type(named) is Words

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """One dict for all templates: each render begins with a copy of it, which a chain of them makes dear."""
        return self.globals if d is None else {**self.globals, **d}

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is Fields:
            return self._field(obj, obj.values, attribute)
        if obj is None:
            return None
        if isinstance(obj, Mapping):
            return self._field(obj, obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if obj is None:
            return None
        if isinstance(obj, Fields | Mapping):
            return self._field(obj, obj.values if isinstance(obj, Fields) else obj, argument)
        return super().getitem(obj, argument)

    def _field(self, obj: object, values: Mapping[str, Any], name: Any) -> Any:
        try:
            return values[name]
        except KeyError:
            return self.undefined(obj=obj, name=name)

    def compile_read(self, tree: nodes.Template, source: str, file: str) -> None:
        """Has the template ready for whoever renders it, made of what was read of it: the tree is used up."""
        self._read[source, file] = tree
        try:
            self.get_template(file)
        finally:
            self._read.pop((source, file), None)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        if (read := self._read.pop((source, name), None)) is not None:
            return read
        template = super()._parse(source, name, filename)
        rewriting.rewrite(template, self._marks)
        template.set_environment(self)
        return template


@lru_cache(maxsize=8)
def environment_of(folder: Path, *, outlines: bool = False) -> Environment:
    """The one of a folder: what was compiled for a check is not compiled once more for a look at something else."""
    return Environment(folder, outlines=outlines)
