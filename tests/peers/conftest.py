"""The libraries that answer the tests of this folder, imported on first use."""

from __future__ import annotations

import importlib
import os
import warnings
from types import ModuleType

import pytest


def quietly(name: str) -> ModuleType:
    """A peer, whose own warnings are not ours."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


@pytest.fixture(scope="session")
def keras() -> ModuleType:
    return quietly("keras")
