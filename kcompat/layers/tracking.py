"""Layers and variables in the lists and dicts that people's own layers hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Notice = Callable[[Any], None]


def tracked(value: Any, notice: Notice) -> Any:
    """A value with `notice` called on every leaf in it; lists and dicts go on calling it on what is put in them."""
    if type(value) is list:
        return TrackedList(value, notice)
    if type(value) is dict:
        return TrackedDict(value, notice)
    if isinstance(value, (tuple, set)):
        for item in value:
            tracked(item, notice)
    else:
        notice(value)
    return value


class TrackedList(list[Any]):
    """A list that calls `notice` on the leaves of what is put in it. Source: keras.src.utils.tracking.TrackedList."""

    def __init__(self, items: Iterable[Any] = (), notice: Notice = lambda leaf: None) -> None:
        self._notice = notice
        super().__init__(tracked(item, notice) for item in items)

    def append(self, item: Any) -> None:
        super().append(tracked(item, self._notice))

    def insert(self, index: Any, item: Any) -> None:
        super().insert(index, tracked(item, self._notice))

    def extend(self, items: Iterable[Any]) -> None:
        super().extend([tracked(item, self._notice) for item in items])

    def __iadd__(self, items: Iterable[Any]) -> TrackedList:  # type: ignore[misc]  # lists say Self
        self.extend(items)
        return self

    def __setitem__(self, index: Any, item: Any) -> None:
        super().__setitem__(index, tracked(item, self._notice))


class TrackedDict(dict[Any, Any]):
    """A dict that calls `notice` on the leaves of what is put in it."""

    def __init__(self, items: Any = (), notice: Notice = lambda leaf: None) -> None:
        self._notice = notice
        super().__init__()
        self.update(items)

    def __setitem__(self, key: Any, item: Any) -> None:
        super().__setitem__(key, tracked(item, self._notice))

    def update(self, *others: Any, **more: Any) -> None:
        for key, item in dict(*others, **more).items():
            self[key] = item

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]
