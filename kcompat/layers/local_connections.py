"""Which weights of a locally connected layer connect what, where Keras keeps them by input and output.

Sources: `conv_kernel_mask` and `conv_kernel_idxs` in utils/conv_utils.py of tf_keras 2.21.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..errors import ResourceError

MOST = 2**25
"""Connections that are looked up one by one before a layer is refused."""


@dataclass(frozen=True)
class Connections:
    """A window over an input of known sizes.

    sizes, outputs: of the spatial axes. low: what is padded before the input, per axis.
    """

    sizes: tuple[int, ...]
    outputs: tuple[int, ...]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    low: tuple[int, ...]
    channels: int
    filters: int
    layout: str

    @property
    def input_sample(self) -> tuple[int, ...]:
        return self._sample(self.sizes, self.channels)

    @property
    def output_sample(self) -> tuple[int, ...]:
        return self._sample(self.outputs, self.filters)

    def dense(self) -> tuple[tuple[int, ...], np.ndarray]:
        """The shape of a kernel (*input sample, *output sample), and where in it the connections are.

        Places are (positions, window elements, filters), in the flattened kernel; its size stands for none.
        """
        inside, starts, ends = self._ends()
        shape = (*self.input_sample, *self.output_sample)
        return shape, self._rows(np.where(inside, starts * prod(self.output_sample) + ends, prod(shape)))

    def sparse(self) -> tuple[tuple[int, ...], np.ndarray]:
        """The same for a kernel of the connections alone, sorted by output, then input."""
        inside, starts, ends = self._ends()
        keys = ends * prod(self.input_sample) + starts
        ordered = np.unique(keys[inside])
        return ordered.shape, self._rows(np.where(inside, np.searchsorted(ordered, keys), ordered.size))

    def _ends(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For every (*position, *window element, channel, filter): whether it exists, its input, its output.

        The latter two broadcast to that shape. Raises ResourceError for too many.
        """
        shape = (*self.outputs, *self.window, self.channels, self.filters)
        if prod(shape) > MOST:
            raise ResourceError(f"connects {prod(shape)} pairs of inputs and outputs, over the limit of {MOST}")
        *spatial, channel, filter = np.indices(shape, sparse=True)
        positions, elements = spatial[: len(self.sizes)], spatial[len(self.sizes) :]
        inside, reached = np.ones(shape, bool), []
        for axis, (position, element) in enumerate(zip(positions, elements, strict=True)):
            place = position * self.strides[axis] - self.low[axis] + element
            inside &= (place >= 0) & (place < self.sizes[axis])
            reached.append(np.clip(place, 0, self.sizes[axis] - 1))
        starts = self._flat((*reached, channel), self.input_sample)
        ends = self._flat((*positions, filter), self.output_sample)
        return inside, starts, ends

    def _sample(self, sizes: tuple[int, ...], channels: int) -> tuple[int, ...]:
        return (*sizes, channels) if self.layout == "channels_last" else (channels, *sizes)

    def _flat(self, index: tuple[Any, ...], sample: Iterable[int]) -> np.ndarray:
        """Places in a flattened sample, for an index with the channel last."""
        ordered = index if self.layout == "channels_last" else (index[-1], *index[:-1])
        return np.ravel_multi_index(np.broadcast_arrays(*ordered), tuple(sample))

    def _rows(self, places: np.ndarray) -> np.ndarray:
        """(*position, *window element, channel, filter) -> (positions, window elements, filters)."""
        if self.layout == "channels_first":
            places = np.moveaxis(places, -2, len(self.sizes))
        return places.reshape(prod(self.outputs), -1, self.filters)
