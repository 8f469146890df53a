"""Classes of the caller's own code, named on the command line."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ArgumentError


def add_argument(parser: Any) -> None:
    parser.add_argument(
        "--custom",
        action="append",
        default=[],
        metavar="[NAME=]MODULE:OBJECT",
        help="a class of your own for a layer that kcompat does not have, or a dict of several; the module is "
        "imported, also from the current folder (may be repeated)",
    )


def gather(texts: Sequence[str]) -> dict[str, Any]:
    """The custom objects by the names that files use. Raises ArgumentError."""
    found: dict[str, Any] = {}
    for text in texts:
        found.update(_objects(text))
    return found


def _objects(text: str) -> Mapping[str, Any]:
    name, equals, place = text.rpartition("=")
    module, colon, attribute = place.partition(":")
    if not (module and colon and attribute) or (equals and not name):
        raise ArgumentError(f"--custom: MODULE:OBJECT or NAME=MODULE:OBJECT is expected, received {text!r}")
    item = _imported(module, attribute, text)
    if name:
        return {name: item}
    return item if isinstance(item, Mapping) else {getattr(item, "__name__", attribute): item}


def _imported(module: str, attribute: str, text: str) -> Any:
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        item: Any = importlib.import_module(module)
        for part in attribute.split("."):
            item = getattr(item, part)
    except (ImportError, AttributeError) as error:
        raise ArgumentError(f"--custom {text}: {error}") from error
    return item
