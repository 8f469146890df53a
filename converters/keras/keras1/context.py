"""What one layer's meaning takes from outside of its config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kcompat.errors import ConfigError

CHANNELS = {"tf": "channels_last", "th": "channels_first"}


class Context(NamedTuple):
    """image_dim_ordering: "tf", "th" or None if nothing says it.

    version: the Keras release, (0,) for the oldest form, None if nothing says it.
    """

    image_dim_ordering: str | None = None
    version: tuple[int, ...] | None = None

    def channels(self, where: str, dim_ordering: Any = None) -> str:
        """The data_format of an image layer whose config says `dim_ordering` or nothing. Raises ConfigError."""
        recorded = None if dim_ordering == "default" else dim_ordering
        ordering = recorded or self.image_dim_ordering
        if isinstance(ordering, str) and ordering in CHANNELS:
            return CHANNELS[ordering]
        if ordering is not None:
            raise ConfigError(f"{where}: dim_ordering must be 'tf' or 'th', received {ordering!r}")
        raise ConfigError(
            f"{where}: Keras 1 does not record the dim_ordering of this layer, no other layer of the model records "
            "one either; pass image_dim_ordering='tf' (channels last) or 'th' (channels first)"
        )


def recorded_ordering(document: Any) -> str | None:
    """The `dim_ordering` of all layers that record one, None if there is none or they differ."""
    found = {
        value
        for entry in objects(document)
        if isinstance(value := entry.get("dim_ordering"), str) and value in CHANNELS
    }
    return found.pop() if len(found) == 1 else None


def objects(document: Any) -> Iterator[Mapping[str, Any]]:
    """All JSON objects in a document, at any depth."""
    pending = [document]
    while pending:
        item = pending.pop()
        if isinstance(item, Mapping):
            yield item
            pending.extend(item.values())
        elif isinstance(item, (list, tuple)):
            pending.extend(item)


def parse_version(version: Any) -> tuple[int, ...] | None:
    """ "1.2.2" -> (1, 2, 2); None for anything that is not numbers and dots."""
    parts = version.split(".") if isinstance(version, str) else [""]
    return tuple(map(int, parts)) if all(part.isascii() and part.isdigit() for part in parts) else None
