"""Models of files that have run before: they predict with the code that was kept, and are read when more is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..executor import kept
from ..executor.bound import Bound
from ..executor.code import Code
from ..executor.exactness import is_exact
from ..progress import ProgressBar

if TYPE_CHECKING:
    from ..executor.quick import QuickCall
    from .model import Model

_CLASS = object.__dict__["__class__"]
_NUMBERS = "biuf"
_BECOMING = threading.RLock()


def open_prepared(folder: str, load: Callable[[], Model]) -> PreparedModel | None:
    """The model whose code a folder has, or None. load: reads the whole of it."""
    for path in () if is_exact() else kept.paths(folder):
        found = kept.read(path)
        if found is not None:
            return PreparedModel(Prepared(folder, *found), load)
    return None


class Prepared:
    """Code for the inputs of one call, or of one batch of many, and what `keeping` has noted of its model."""

    def __init__(self, folder: str, code: Code, note: dict[str, Any]) -> None:
        self._folder, self._code, self.note = folder, code, note
        self._bound: Bound | None = None
        self._lock = threading.Lock()
        self._quick: QuickCall | None = None
        self._is_lone = len(note["dtypes"]) == 1 and not note["gives_several"]

    def call(self, x: Any) -> Any:
        """The outputs for one batch; None if that takes the model."""
        if self._quick is not None:
            outputs = self._quick.lone(x) if self._is_lone and type(x) is np.ndarray else self._quickly(x, self._quick)
            if outputs is not None:
                return outputs
        arrays = self._arrays(x)
        bound = None if arrays is None else self._for([array.shape for array in arrays])
        results = None if bound is None or arrays is None else self._run(bound, arrays)
        if results is None or bound is None:
            return None
        if bound.code.is_quick and self.note["reads"] == list(range(len(self.note["dtypes"]))):
            self._quick = bound.quick_call()
        return self._packed(results)

    def _quickly(self, x: Any, quick: QuickCall) -> Any:
        """The outputs for an array or a list of them that need no care."""
        arrays = (x,) if type(x) is np.ndarray else x if type(x) in (list, tuple) else ()
        if len(arrays) != len(self.note["dtypes"]) or not all(type(array) is np.ndarray for array in arrays):
            return None
        outputs = quick(arrays)
        return outputs if outputs is None else self._packed(outputs)

    def predict(self, x: Any, batch_size: int | None, verbose: int | str) -> Any:
        """The outputs for all samples; None if that takes the model."""
        if self.note["predicts"] == "whole":
            return self.call(x)
        arrays = self._arrays(x)
        size = None if arrays is None else self._batch(arrays, batch_size)
        if arrays is None or size is None:
            return None
        bound = self._for([(size, *array.shape[1:]) for array in arrays])
        if bound is None:
            return None
        count = len(arrays[0]) // size
        bar = ProgressBar(count, verbose)
        batches = []
        for number in range(count):
            results = self._run(bound, [array[number * size : (number + 1) * size] for array in arrays])
            if results is None or any(len(result) != size for result in results):
                return None
            batches.append(results)
            bar.advance()
        bar.close()
        return self._packed([np.concatenate(parts) for parts in zip(*batches, strict=True)])

    def _arrays(self, x: Any) -> list[np.ndarray] | None:
        """Arrays of numbers in the order of the inputs, if that is what is given."""
        arrays = list(x) if isinstance(x, (list, tuple)) and len(self.note["dtypes"]) > 1 else [x]
        if len(arrays) != len(self.note["dtypes"]) or is_exact():
            return None
        if not all(type(array) is np.ndarray and array.dtype.kind in _NUMBERS for array in arrays):
            return None
        return [array.astype(dtype, copy=False) for array, dtype in zip(arrays, self.note["dtypes"], strict=True)]

    def _batch(self, arrays: list[np.ndarray], asked: int | None) -> int | None:
        """The rows of each batch, if all have as many and the model lets them be chosen."""
        size = 32 if asked is None else asked
        counts = {len(array) if array.ndim else 0 for array in arrays}
        count = counts.pop()
        if counts or not count or self.note["predicts"] != "batches" or type(size) is not int or size < 1:
            return None
        return count if count <= size else size if count % size == 0 else None

    def _for(self, shapes: list[tuple[int, ...]]) -> Bound | None:
        """What runs inputs of these shapes: one combination for a process, so that weights are in memory once."""
        with self._lock:
            if self._bound is None and [shape for shape, _ in self._code.inputs] != self._ordered(shapes):
                found = kept.read(kept.path_of(self._folder, shapes))
                if found is None:
                    return None
                self._code, self.note = found
            self._bound = self._bound or Bound(self._code)
            fits = [shape for shape, _ in self._bound.code.inputs] == self._ordered(shapes)
            return self._bound if fits else None

    def _ordered(self, items: list[Any]) -> list[Any]:
        """What belongs to the model's inputs in the order of the code's."""
        return [items[number] for number in self.note["reads"]]

    def _run(self, bound: Bound, arrays: list[np.ndarray]) -> list[np.ndarray] | None:
        return bound.run(self._ordered(arrays))

    def _packed(self, outputs: list[np.ndarray]) -> Any:
        """What the model gives, of the code's outputs."""
        outputs = [outputs[number] for number in self.note["writes"]]
        return outputs if self.note["gives_several"] else outputs[0]


class PreparedModel:
    """Stands for a model of any class until anything but predictions of arrays is asked of it; then it is that model.

    `isinstance` counts as asking.
    """

    def __init__(self, prepared: Prepared, load: Callable[[], Model]) -> None:
        self.__dict__.update(_prepared=prepared, _load=load)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        prepared = self.__dict__.get("_prepared")
        if prepared is not None and len(args) == 1 and not kwargs:
            outputs = prepared.call(args[0])
            if outputs is not None:
                return outputs
        return self._become()(*args, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """See `Model.predict_on_batch`."""
        return self(x)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """See `Model.predict`."""
        prepared = self.__dict__.get("_prepared")
        if prepared is not None and steps is None and not callbacks:
            outputs = prepared.predict(x, batch_size, verbose)
            if outputs is not None:
                return outputs
        return self._become().predict(x, batch_size, verbose, steps, callbacks)

    @property
    def input_shape(self) -> Any:
        """See `Model.input_shape`."""
        return self._noted("input_shape")

    @property
    def output_shape(self) -> Any:
        """See `Model.output_shape`."""
        return self._noted("output_shape")

    def _noted(self, name: str) -> Any:
        prepared = self.__dict__.get("_prepared")
        if prepared is None:
            return getattr(self._become(), name)
        shapes = prepared.note[name]
        return shapes[0] if len(shapes) == 1 else shapes

    # --- becoming the model ---------------------------------------------------------

    def _become(self) -> Any:
        """This object, once it is the model."""
        with _BECOMING:
            if type(self) is PreparedModel:
                model = self._read()
                object.__setattr__(self, "__dict__", model.__dict__)
                _CLASS.__set__(self, type(model))
        return self

    def _read(self) -> Any:
        """The model, of which this object is to have class and state."""
        with _BECOMING:
            own = self.__dict__
            if own["_prepared"] is not None:
                own["_model"], own["_prepared"] = own["_load"](), None
            return own["_model"]

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # `isinstance` calls it False if the class itself changes meanwhile
        return type(self._read())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._become(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._become(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._become(), name)

    def __dir__(self) -> Any:
        return dir(self._become())

    def __repr__(self) -> str:
        return repr(self._become())

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self._become().__reduce_ex__(protocol)
