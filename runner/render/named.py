"""What a template may name: fields and never methods; an unknown name is a fault with what may have been meant."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined

from runner.yaml_file import closest


class Fields:
    """A contact, an order, a sender as a template sees it: its fields and nothing else."""

    __slots__ = ("called", "values")

    def __init__(self, called: str, values: Mapping[str, Any]) -> None:
        self.called = called
        self.values = values

    def __bool__(self) -> bool:
        """A company of which nothing is known is none."""
        return any(value is not None for value in self.values.values())

    def __str__(self) -> str:
        raise TypeError(
            f"{self.called} has many fields; name one, such as {self.called}.{next(iter(self.values), 'name')}"
        )


class Unknown(StrictUndefined):
    """A name that nothing has. Using it fails with the name and what may have been meant."""

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return str(self._undefined_hint)
        if isinstance(self._undefined_obj, Fields):
            return unknown_field(self._undefined_obj.called, str(self._undefined_name), self._undefined_obj.values)
        return (
            f"nothing here is called {self._undefined_name!r}" if self._undefined_name else super()._undefined_message
        )


def unknown_field(called: str, name: str, known: Iterable[str]) -> str:
    """`contact has no 'nmae'; did you mean 'name'?`"""
    near = closest(name, known)
    return f"{called} has no {name!r}" + (f"; {near}" if near else "")


def fields(context: Mapping[str, Any]) -> dict[str, Any]:
    """A person's context with each mapping wrapped, so that a template reads fields and never methods."""
    return {name: Fields(name, value) if _is_mapping(value.__class__) else value for name, value in context.items()}


@lru_cache(256)
def _is_mapping(kind: Hashable) -> bool:
    """Asked of each kind once: there are a dozen, and a letter has as many values."""
    return isinstance(kind, type) and issubclass(kind, Mapping)
