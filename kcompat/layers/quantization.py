"""Weights kept as int8 with scales, and products with inputs that are quantized as they arrive.

Sources: keras.quantizers; `_int8_build` and `_int8_call` of Dense, EinsumDense and Embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..config import Configurable, Field, Float, IntTuple, Kind, int_list, object_kind, one_of, optional, registered
from ..errors import ArgumentError
from ..ir import Value, Variable
from .emitter import Emitter
from .low_rank import Adaptable

_MODULE = "keras.quantizers"


def _parse_range(value: Any, owner: Any) -> tuple[int, int]:
    low, high = (int(bound) for bound in value)
    if not -128 <= low < high <= 127 or [low, high] != list(value):
        raise ValueError
    return low, high


def _parse_axis(value: Any, owner: Any) -> tuple[int, ...]:
    return int_list([value] if isinstance(value, int) else value)


@registered(_MODULE)
class AbsMaxQuantizer(Configurable):
    """Rounds floats to int8, in steps such that the greatest size along some axes becomes `value_range[1]`.

    axis: these axes, where a layer has none of its own to give. Source: keras.quantizers.AbsMaxQuantizer.
    """

    value_range = Field(Kind("a (low, high) pair of integers in [-128, 127]", _parse_range), (-127, 127))
    epsilon = Field(Float, 1e-7)
    output_dtype = Field(one_of("int8"), "int8")
    axis = Field(optional(Kind(IntTuple.name, _parse_axis)), None, optional_key=True)

    positional = ("axis", "value_range", "epsilon", "output_dtype")

    def emit(self, b: Emitter, x: Value, axes: Sequence[int]) -> tuple[Value, Value]:
        """Whole numbers in the dtype of x, and how many there are to one: a scale of size one along `axes`.

        Gradients pass as if x were not rounded, and its scale constant.
        """
        low, high = self.value_range
        largest = b.reduce_max(b.abs(x), axes=axes, keepdims=True)
        scale = b.stop_gradient(b.div(high, b.add(largest, self.epsilon)))
        scaled = b.mul(x, scale)
        return b.straight_through(b.clip(b.round(scaled), low=low, high=high), scaled), scale


QuantizerKind = object_kind(_MODULE, "an AbsMaxQuantizer or None")


@registered(_MODULE)
class Int8QuantizationConfig(Configurable):
    """How a layer's weights became int8, and how its inputs do: without an activation quantizer they stay floats.

    Source: keras.quantizers.Int8QuantizationConfig.
    """

    weight_quantizer = Field(QuantizerKind, None)
    activation_quantizer = Field(QuantizerKind, "AbsMaxQuantizer")


def _parse_config(value: Any, owner: Any) -> Int8QuantizationConfig | None:
    if isinstance(value, dict) and value.get("class_name") != Int8QuantizationConfig.__name__:
        raise ArgumentError(
            f"{owner}: quantization_config of class {value.get('class_name')} is not supported; known: "
            f"{Int8QuantizationConfig.__name__}; load the model in Keras and save it unquantized"
        )
    config = _configs.parse(value, owner)
    if not (config is None or isinstance(config, Int8QuantizationConfig)):
        raise TypeError
    return config


_configs = object_kind(_MODULE, "an Int8QuantizationConfig or None")
QuantizationConfigKind = Kind(_configs.name, _parse_config, _configs.serialize)


class Quantizable(Adaptable):
    """A layer that keeps a weight as int8 with scales if its dtype policy says so."""

    quantization_config: Any

    @property
    def is_quantized(self) -> bool:
        return self.dtype_policy.quantization_mode is not None

    @property
    def stored_weights(self) -> list[Variable]:
        if self.is_quantized and self.lora_b is None:
            return self._own_weights
        return super().stored_weights

    @property
    def inputs_quantizer(self) -> AbsMaxQuantizer | None:
        """What rounds the inputs, or None where they stay floats."""
        config = self.quantization_config
        return AbsMaxQuantizer() if config is None else config.activation_quantizer

    def add_levels(self, name: str, shape: Any) -> Variable:
        """A new weight of whole numbers; its scale is another weight."""
        return self.add_weight(shape, "zeros", name=name, trainable=False, dtype="int8")

    def add_scale(self, name: str, shape: Any) -> Variable:
        """A new weight that says how many levels there are to one."""
        return self.add_weight(shape, "ones", name=f"{name}_scale", trainable=False)

    def emit_quantized(
        self,
        b: Emitter,
        x: Value,
        levels: Variable | Value,
        scale: Variable,
        *,
        product: Callable[[Value, Value], Value],
        axes: Sequence[int] = (-1,),
        align: Callable[[Value], Value] = lambda scale: scale,
    ) -> Value:
        """`product(x, levels)` divided by the scales.

        axes: those of x that the product sums over. align: gives the scale of x, of size one along
        `axes`, the axes of the product.
        """
        if self.inputs_quantizer is None:
            return b.div(product(x, b.cast(levels, dtype=x.dtype)), scale)
        rounded, inputs_scale = self.inputs_quantizer.emit(b, x, axes)
        # float64 holds every sum of products of int8 exactly, and is multiplied faster than integers.
        whole = product(b.cast(rounded, dtype="float64"), b.cast(levels, dtype="float64"))
        return b.div(b.cast(whole, dtype=x.dtype), b.mul(align(inputs_scale), scale))
