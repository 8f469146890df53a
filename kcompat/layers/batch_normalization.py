"""BatchNormalization."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..config import ANYTHING, Bool, Field, Float, Int, IntTuple, Json, Kind, optional, registered
from ..constraints import ConstraintKind
from ..errors import ArgumentError
from ..initializers import InitializerKind
from ..ir import Value, Variable
from ..ir.types import normalize_axes, normalize_axis
from ..regularizers import RegularizerKind
from .base import Layer
from .emitter import Emitter


def _one_axis(value: Any, owner: Any) -> int:
    if isinstance(value, (list, tuple)):
        (value,) = value
    return Int.parse(value, owner)


_CLIPPINGS = {"rmax", "rmin", "dmax"}


@registered("keras.layers", "BatchNormalizationV1", "BatchNormalizationV2", "SyncBatchNormalization")
class BatchNormalization(Layer):
    """(x - moving_mean) / sqrt(moving_variance + epsilon) * gamma + beta along `axis`.

    Input and output of any shape. axis: an integer, or as Keras 2 writes it a list of one. axes: several
    of them, along which Keras 2 has one statistic for each position together. renorm adds the weights
    of batch renormalisation, which inference does not use. Source: keras.layers.BatchNormalization.
    """

    supports_masking = True

    axis = Field(Kind("an integer or a list of one", _one_axis), -1)
    momentum = Field(Float, 0.99)
    epsilon = Field(Float, 1e-3)
    center = Field(Bool, True)
    scale = Field(Bool, True)
    beta_initializer = Field(InitializerKind, "zeros", keras1="beta_init")
    gamma_initializer = Field(InitializerKind, "ones", keras1="gamma_init")
    moving_mean_initializer = Field(InitializerKind, "zeros")
    moving_variance_initializer = Field(InitializerKind, "ones")
    beta_regularizer = Field(RegularizerKind, None)
    gamma_regularizer = Field(RegularizerKind, None)
    beta_constraint = Field(ConstraintKind, None)
    gamma_constraint = Field(ConstraintKind, None)
    synchronized = Field(Bool, False, keyword=True)
    renorm = Field(Bool, False, keyword=True)
    renorm_clipping = Field(Json, None, keyword=True)
    renorm_momentum = Field(Float, 0.99, keyword=True)
    axes = Field(optional(IntTuple), None, extension=True, keyword=True)

    neutral = {"fused": ANYTHING, "virtual_batch_size": None, "adjustment": None}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        unknown = set(self.renorm_clipping or ()) - _CLIPPINGS
        if unknown:
            raise ArgumentError(f"{self}: renorm_clipping has keys {sorted(unknown)}; known: {sorted(_CLIPPINGS)}")

    def build(self, input_shape: Any) -> None:
        shape = self._weight_shape(input_shape)
        self.gamma = self.add_configured_weight("gamma", shape) if self.scale else None
        self.beta = self.add_configured_weight("beta", shape) if self.center else None
        self.moving_mean = self._add_statistic("moving_mean", shape, self.moving_mean_initializer)
        self.moving_variance = self._add_statistic("moving_variance", shape, self.moving_variance_initializer)
        if self.renorm:
            self.moving_stddev = self._add_statistic("moving_stddev", shape, self._initial_stddev)
            self.renorm_mean = self._add_statistic("renorm_mean", shape, self.moving_mean_initializer)
            self.renorm_stddev = self._add_statistic("renorm_stddev", shape, self._initial_stddev)

    def _weight_shape(self, input_shape: Any) -> tuple[Any, ...]:
        rank = len(input_shape)
        if self.axes is None:
            return (input_shape[normalize_axis(self.axis, rank, f"{self}: axis")],)
        kept = normalize_axes(self.axes, rank, f"{self}: axes")
        return tuple(size if axis in kept else 1 for axis, size in enumerate(input_shape))

    def _add_statistic(self, name: str, shape: tuple[Any, ...], initializer: Any) -> Variable:
        return self.add_weight(shape, initializer, name=name, trainable=False)

    def _initial_stddev(self, shape: Any, dtype: Any = None) -> np.ndarray:
        return np.sqrt(self.moving_variance_initializer(shape, dtype))

    def emit(self, b: Emitter, x: Value) -> Value:
        x = b.floating(x)
        weights = (self.moving_mean, self.moving_variance, self.gamma, self.beta)
        if self.axes is not None:
            return self._emit_broadcast(b, x, *weights)
        return b.batch_norm(x, *weights, axis=self.axis, epsilon=self.epsilon)

    def _emit_broadcast(self, b: Emitter, x: Value, mean: Any, variance: Any, gamma: Any, beta: Any) -> Value:
        """The same with weights that have all axes of x."""
        scale = b.rsqrt(b.add(variance, self.epsilon))
        y = b.mul(b.sub(x, mean), scale if gamma is None else b.mul(scale, gamma))
        return y if beta is None else b.add(y, beta)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        axis = config.get("axis")
        if isinstance(axis, (list, tuple)) and len(axis) > 1:
            config = {**config, "axis": cls.fields["axis"].default, "axes": axis}
        return super().from_config(config)
