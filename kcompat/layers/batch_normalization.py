"""BatchNormalization."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np

from ..config import ANYTHING, Bool, Field, Float, Int, IntTuple, Json, Kind, optional, registered
from ..constraints import ConstraintKind
from ..errors import ArgumentError, ShapeError
from ..initializers import InitializerKind
from ..ir import Value, Variable
from ..ir.types import normalize_axes, normalize_axis
from ..regularizers import RegularizerKind
from .base import Layer
from .emitter import Emitter
from .masks import as_mask


def _one_axis(value: Any, owner: Any) -> int:
    if isinstance(value, (list, tuple)):
        (value,) = value
    return Int.parse(value, owner)


_LEAST_WEIGHT = 1e-7
"""What Keras adds to the sum of a mask, by which it divides."""

_CLIPPINGS = {"rmax", "rmin", "dmax"}


@registered("keras.layers", "BatchNormalizationV1", "BatchNormalizationV2", "SyncBatchNormalization")
class BatchNormalization(Layer):
    """(x - moving_mean) / sqrt(moving_variance + epsilon) * gamma + beta along `axis`.

    Input and output of any shape. axis: an integer, or as Keras 2 writes it a list of one. axes: several
    of them, along which Keras 2 has one statistic for each position together. renorm: in training, correct what the
    batch's statistics give towards what the moving ones would (Ioffe 2017). unbiased_variance: in training, the
    variance of images and volumes moves towards the batch's with Bessel's correction, as in Keras 2.
    Source: keras.layers.BatchNormalization.
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
    unbiased_variance = Field(Bool, False, extension=True, keyword=True)

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

    def emit(self, b: Emitter, x: Value, mask: Any = None) -> Value:
        x = b.floating(x)
        gamma: Any = self.gamma
        beta: Any = self.beta
        if b.training and self.trainable:
            mean, variance = self._batch_statistics(b, x, mask)
            if self.renorm:
                gamma, beta = self._corrected(b, mean, variance)
                self._move_renorm(b, mean, variance)
            else:
                self._move(b, self.moving_mean, mean, self.momentum)
                self._move(b, self.moving_variance, self._unbiased(b, variance, x), self.momentum)
        else:
            mean, variance = self._moving(b)
        if self.axes is not None:
            return self._emit_broadcast(b, x, mean, variance, gamma, beta)
        return b.batch_norm(x, mean, variance, gamma, beta, axis=self.axis, epsilon=self.epsilon)

    def _moving(self, b: Emitter) -> tuple[Value, Value]:
        return b.floating(b.parameter(self.moving_mean)), b.floating(b.parameter(self.moving_variance))

    def _batch_statistics(self, b: Emitter, x: Value, mask: Any) -> tuple[Value, Value]:
        """Mean and variance of the batch."""
        axes = self._reduced_axes(x.rank)
        weight = None if mask is None else self._mask_weight(b, x, as_mask(b, mask))
        keep = self.axes is not None
        if weight is None:
            mean, variance = b.moments(x, axes=axes, keepdims=keep)
        else:
            mean = _mean(b, x, weight, axes, keepdims=True)
            variance = _mean(b, b.square(b.sub(x, mean)), weight, axes, keepdims=keep)
            mean = mean if keep else b.squeeze(mean, axes=axes)
        return mean, variance

    def _reduced_axes(self, rank: int) -> tuple[int, ...]:
        kept = normalize_axes((self.axis,) if self.axes is None else self.axes, rank, f"{self}: axes")
        return tuple(axis for axis in range(rank) if axis not in kept)

    def _mask_weight(self, b: Emitter, x: Value, mask: Value) -> Value:
        if mask.rank != x.rank - 1:
            raise ShapeError(f"{self}: the mask must have one axis less than {x.type}, received {mask.type}")
        return b.broadcast_like(b.cast(b.expand_dims(mask, axes=(-1,)), dtype=x.dtype), x)

    def _unbiased(self, b: Emitter, variance: Value, x: Value) -> Value:
        """The variance towards which the moving one moves: by Bessel's correction where Keras 2 fused it."""
        if not self.unbiased_variance or x.rank not in (4, 5) or self.axes is not None:
            return variance
        count = b.cast(
            reduce(b.mul, (b.size(x, axis=axis) for axis in self._reduced_axes(x.rank))), dtype=variance.dtype
        )
        return b.mul(variance, b.div(count, b.maximum(b.sub(count, 1.0), 1.0)))

    def _move(self, b: Emitter, variable: Variable, batch: Value, momentum: float) -> None:
        moving = b.state(variable)
        b.update(variable, b.add(b.mul(moving, momentum), b.mul(b.cast(batch, dtype=moving.dtype), 1 - momentum)))

    def _corrected(self, b: Emitter, mean: Value, variance: Value) -> tuple[Value, Value]:
        """gamma and beta with the corrections of batch renormalisation, of which no gradient is taken.

        Source: keras.layers.BatchNormalization, _renorm_correction_and_moments and _compose_transforms.
        """
        clipping = self.renorm_clipping or {}
        renorm_mean = b.cast(b.state(self.renorm_mean), dtype=mean.dtype)
        least = float(np.sqrt(np.float32(self.epsilon)))
        renorm_stddev = b.maximum(b.cast(b.state(self.renorm_stddev), dtype=mean.dtype), least)
        scale = b.div(b.sqrt(b.add(variance, self.epsilon)), renorm_stddev)
        shift = b.div(b.sub(mean, renorm_mean), renorm_stddev)
        if clipping.get("rmin") is not None:
            scale = b.maximum(scale, float(clipping["rmin"]))
        if clipping.get("rmax") is not None:
            scale = b.minimum(scale, float(clipping["rmax"]))
        if clipping.get("dmax") is not None:
            shift = b.clip(shift, low=-float(clipping["dmax"]), high=float(clipping["dmax"]))
        scale, shift = b.stop_gradient(scale), b.stop_gradient(shift)
        if self.gamma is not None:
            scale, shift = b.mul(scale, self.gamma), b.mul(shift, self.gamma)
        return scale, shift if self.beta is None else b.add(shift, self.beta)

    def _move_renorm(self, b: Emitter, mean: Value, variance: Value) -> None:
        stddev = b.sqrt(b.add(variance, self.epsilon))
        self._move(b, self.renorm_mean, mean, self.renorm_momentum)
        self._move(b, self.renorm_stddev, stddev, self.renorm_momentum)
        self._move(b, self.moving_mean, mean, self.momentum)
        self._move(b, self.moving_stddev, stddev, self.momentum)
        moving = b.state(self.moving_stddev)
        b.update(self.moving_variance, b.relu(b.sub(b.square(moving), self.epsilon)))

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


def _mean(b: Emitter, x: Value, weight: Value, axes: tuple[int, ...], keepdims: bool) -> Value:
    """The mean over axes, weighted by a weight of x's shape."""
    total = b.reduce_sum(weight, axes=axes, keepdims=keepdims)
    return b.div(b.reduce_sum(b.mul(x, weight), axes=axes, keepdims=keepdims), b.add(total, _LEAST_WEIGHT))
