"""The examples in the docstrings run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import fleet_q

pytestmark = pytest.mark.docs

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(fleet_q.__path__, "fleet_q.")
    # Importing the demo's app would make a FleetQ of its own, and `__main__` would run the command.
    if name not in ("fleet_q._core", "fleet_q.demo.app", "fleet_q.cli.__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_every_public_name_has_a_docstring() -> None:
    public = {name: getattr(fleet_q, name) for name in fleet_q.__all__}
    bare = [name for name, value in public.items() if isinstance(value, type) and value.__doc__ is None]
    assert bare == []
