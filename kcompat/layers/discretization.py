"""Discretization."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..config import Bool, Field, Float, Kind, PositiveInt, optional, registered
from ..errors import ArgumentError
from ..ir import Value, Variable
from .categories import Categories, output_mode_kind
from .emitter import Emitter


def _parse_boundaries(value: Any, owner: Any) -> list[float]:
    boundaries = np.asarray(value)
    if boundaries.ndim != 1 or boundaries.dtype.kind not in "iuf" or not len(boundaries):
        raise TypeError
    if (np.diff(boundaries) < 0).any():
        raise ValueError
    return boundaries.tolist()


@registered("keras.layers")
class Discretization(Categories):
    """Numbers as bins: how many of `bin_boundaries`, in ascending order, each one has reached.

    num_bins, epsilon: instead of boundaries, for `adapt` to find them: so many bins with equal shares of
    the data, up to a fraction `epsilon`. Input of any real dtype. output_mode: "int" (int32), or as
    CategoryEncoding does. Source: keras.layers.Discretization.
    """

    integers = "int32"

    bin_boundaries = Field(optional(Kind("numbers in ascending order", _parse_boundaries)), None)
    num_bins = Field(optional(PositiveInt), None)
    epsilon = Field(Float, 0.01)
    output_mode = Field(output_mode_kind("int", "one_hot", "multi_hot", "count"), "int")
    sparse = Field(Bool, False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if (self.bin_boundaries is None) == (self.num_bins is None):
            raise ArgumentError(
                f"{self}: needs either bin_boundaries or num_bins, received bin_boundaries={self.bin_boundaries}, "
                f"num_bins={self.num_bins}"
            )
        self._summary: Variable | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Of an adapted layer also, which has both, and of Keras 2.4, which has `bins` for either."""
        config = dict(config)
        if "bins" in config:
            bins = config.pop("bins")
            config["num_bins" if isinstance(bins, int) else "bin_boundaries"] = bins
        adapted = config.pop("bin_boundaries") if config.get("num_bins") and config.get("bin_boundaries") else None
        layer = super().from_config(config)
        if adapted is not None:
            layer.bin_boundaries = adapted
        return layer

    def get_config(self) -> dict[str, Any]:
        """In Keras's order, without `trainable`."""
        options = {**dict(self._values), "bin_boundaries": self._boundaries()}
        return {**options, "name": self.name, "dtype": self._dtype_name()}

    def _dtype_name(self) -> str:
        return "float32" if self.dtype_policy.name == self.integers else self.dtype_policy.name

    def adapt(self, data: Any) -> None:
        """Find the boundaries from an array, or from all batches of an iterable of arrays."""
        if self.num_bins is None:
            raise ArgumentError(f"{self}: adapt() needs num_bins instead of bin_boundaries")
        summary = np.zeros((2, 0), np.float32)
        batches: Iterable[Any] = [data] if isinstance(data, np.ndarray) else data
        for batch in batches:
            summary = _merged(_summarized(np.asarray(batch, np.float32), self.epsilon), summary, self.epsilon)
        if not summary.size:
            raise ArgumentError(f"{self}: adapt() received no data")
        self.bin_boundaries = _compressed(summary, 1.0 / self.num_bins)[0, :-1]
        self._summary = None
        self.emission_changed()

    def stored_variables(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Variable]:
        """Of Keras 2, which keeps the summary of the data instead of the boundaries."""
        if len(shapes) != 1 or self.num_bins is None or self.bin_boundaries is not None:
            return {}
        ((name, shape),) = shapes.items()
        if self._summary is None or self._summary.shape != shape:
            self._summary = Variable("summary", shape, trainable=False, path=f"{self.name}/summary")
        return {name: self._summary}

    @property
    def emission_version(self) -> int:
        return super().emission_version + (self._summary.version if self._summary else 0)

    def _boundaries(self) -> list[float] | None:
        if self.bin_boundaries is not None or self._summary is None or not self._summary.is_initialized:
            return self.bin_boundaries
        return _compressed(self._summary.value, 1.0 / self.num_bins)[0, :-1].tolist()

    def emit(self, b: Emitter, x: Value) -> Value:
        boundaries = self._boundaries() or []
        depth = len(boundaries) + 1 if boundaries else self.num_bins
        return self.encode(b, b.bucketize(x, b.constant(boundaries, "float32")), depth)


# Summaries are (2, n): values in ascending order, and how many of the data each stands for. The arithmetic
# is that of keras/src/layers/preprocessing/discretization.py, whose boundaries depend on every step of it.


def _summarized(values: np.ndarray, epsilon: float) -> np.ndarray:
    step = max(values.size * epsilon, 1)
    picked = np.sort(values, axis=None)[int(step - 1) :: int(step)]
    return np.stack([picked, np.ones_like(picked) * step])


def _merged(one: np.ndarray, other: np.ndarray, epsilon: float) -> np.ndarray:
    both = np.concatenate((one, other), axis=1)
    return _compressed(both[:, np.argsort(both[0])], epsilon)


def _compressed(summary: np.ndarray, epsilon: float) -> np.ndarray:
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    weights = summary[1].cumsum()
    values = np.interp(shares, weights / weights[-1], summary[0])
    sums = np.interp(shares, weights / weights[-1], weights)
    return np.stack((values, sums - np.concatenate(([0], sums[:-1])))).astype(np.float32)
