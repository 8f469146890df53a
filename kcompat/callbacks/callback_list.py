"""CallbackList: several callbacks as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ArgumentError
from ..tree import flatten
from .callback import HOOKS, Callback, Logs, overrides
from .history import History
from .progbar_logger import ProgbarLogger

_BATCH_ENDS = {
    "train": ("on_train_batch_end", "on_batch_end"),
    "test": ("on_test_batch_end",),
    "predict": ("on_predict_batch_end",),
}


class CallbackList(Callback):
    """Calls every hook of several callbacks, in order. Source: keras.callbacks.CallbackList.

    add_history, add_progbar: end the list with a History, and with a ProgbarLogger, unless it has one.
    params: what callbacks are told: `verbose`, `epochs`, `steps`.
    Raises ArgumentError for what is no callback.
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks: list[Any] = flatten(callbacks) if callbacks else []
        for callback in self.callbacks:
            if not hasattr(callback, "set_model"):
                raise ArgumentError(f"callbacks must be Callback objects, received {callback!r}")
        if add_history and not any(isinstance(callback, History) for callback in self.callbacks):
            self.callbacks.append(History())
        if add_progbar and not any(isinstance(callback, ProgbarLogger) for callback in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        self._active: dict[str, list[Callable[..., Any]]] = {}
        self._readers: dict[str, tuple[list[ProgbarLogger], bool]] = {}
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def append(self, callback: Callback) -> None:
        """Add a callback at the end."""
        self.callbacks.append(callback)
        self._active.clear()
        self._readers.clear()

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        for callback in self.callbacks if params else ():
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        self._model = model
        for callback in self.callbacks:
            if isinstance(callback, History):
                model.history = callback
            callback.set_model(model)

    def wants_logs(self, phase: str) -> bool:
        """Whether a callback looks at the logs of the coming step: "train", "test" or "predict"."""
        if phase not in self._readers:
            bars = [callback for callback in self.callbacks if isinstance(callback, ProgbarLogger)]
            others = [callback for callback in self.callbacks if callback not in bars]
            self._readers[phase] = bars, any(overrides(callback, *_BATCH_ENDS[phase]) for callback in others)
        bars, always = self._readers[phase]
        return always or any(bar.wants_logs for bar in bars)

    def _call(self, hook: str, numbers: tuple[int, ...], logs: Logs) -> None:
        """Call a hook where it does something; the logs are one dict for all, to which callbacks may add."""
        if hook not in self._active:
            hooks = (hook, *_OLDER.get(hook, ()))
            self._active[hook] = [getattr(each, hook) for each in self.callbacks if overrides(each, *hooks)]
        shared = plain_logs(logs) if self._active[hook] else {}
        for function in self._active[hook]:
            function(*numbers, shared)


_OLDER = {"on_train_batch_begin": ("on_batch_begin",), "on_train_batch_end": ("on_batch_end",)}
"""Hooks that call another one unless they are overridden."""


def _hook_of_all(name: str) -> Callable[..., None]:
    if "epoch" in name or "batch" in name:
        return lambda self, number, logs=None: self._call(name, (number,), logs)
    return lambda self, logs=None: self._call(name, (), logs)


for _name in HOOKS:
    setattr(CallbackList, _name, _hook_of_all(_name))


def plain_logs(logs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Logs sorted by name, scalars as Python floats, dicts inside made flat. Source: keras.src.utils.python_utils."""
    result: dict[str, Any] = {}
    for key, value in sorted((logs or {}).items()):
        if isinstance(value, Mapping):
            result.update(plain_logs(value))
            continue
        try:
            result[key] = float(value)
        except (TypeError, ValueError):
            result[key] = value
    return result
