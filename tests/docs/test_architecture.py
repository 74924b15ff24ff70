"""docs/architecture.md shows the layers that import-linter holds."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.conftest import REPOSITORY

CONTRACTS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
    "contracts"
]
LAYERS = {contract["containers"][0]: contract["layers"] for contract in CONTRACTS if contract["type"] == "layers"}


@pytest.mark.parametrize("package", ["runner", "connectors"])
def test_the_layers_are_those_that_are_held(package: str) -> None:
    text = (REPOSITORY / "docs/architecture.md").read_text(encoding="utf-8")
    shown = re.search(rf"^{package}\n((?:  .+\n)+)", text, re.MULTILINE)
    assert shown is not None
    lines = [re.split(r"  +", line.strip())[0].split() for line in shown[1].splitlines()]
    assert lines == [re.findall(r"\w+", layer) for layer in LAYERS[package]]


@pytest.mark.parametrize("package", ["runner", "connectors"])
def test_no_layer_names_what_is_not_there(package: str) -> None:
    there = {path.stem for path in (REPOSITORY / package).iterdir()}
    assert {name for layer in LAYERS[package] for name in re.findall(r"\w+", layer)} <= there
