"""MultiHeadAttention, GroupedQueryAttention."""

from __future__ import annotations

from functools import reduce
from math import sqrt
from string import ascii_letters
from typing import Any

from ..config import ANYTHING, Bool, Field, Kind, PositiveInt, int_list, optional, registered, within
from ..constraints import ConstraintKind
from ..errors import ArgumentError, ShapeError
from ..initializers import InitializerKind, SeedKind
from ..ir import TensorType, Value
from ..regularizers import RegularizerKind
from .base import Layer
from .einsum_dense import EinsumDense
from .emitter import Emitter
from .masks import as_mask
from .symbolic import public_shape

Heads = tuple[int, int]
"""How many heads, and the size of each."""


class HeadsAttention(Layer):
    """Attention of several heads, each on projections of its own.

    Called on queries (batch, T, features) and values and keys (batch, S, features), which are the values
    if left out. Output (batch, T, features of queries), and with `return_attention_scores` the weights
    (batch, heads, T, S) beside it.

    Keys are hidden from queries by the masks of all three, by `attention_mask` (batch, T, S), which is true
    where a query may see a key, by `use_causal_mask` and by the layer's window. A query that may see
    nothing takes the mean of all values, or with dropout or scores the value zero, as in Keras.
    flash_attention: accepted, as it changes nothing about the result.
    """

    supports_masking = True

    dropout: Any
    use_bias: Any
    use_gate: Any
    sliding_window: Any
    kernel_initializer: Any
    bias_initializer: Any
    kernel_regularizer: Any
    bias_regularizer: Any
    activity_regularizer: Any
    kernel_constraint: Any
    bias_constraint: Any

    def __init__(self, *args: Any, flash_attention: bool | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)

    # --- what subclasses define -----------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the projections for a list of the shapes of query, value and perhaps key."""

    def dense(self, role: str) -> Any:
        """The projection of "query", "key", "value", "gate" (None without) or "output"."""
        raise NotImplementedError

    @property
    def key_size(self) -> int:
        """The size of the heads of queries and keys."""
        raise NotImplementedError

    # --- building -------------------------------------------------------------------

    def build_for(self, args: tuple[Any, ...]) -> None:
        """Nothing: `emit` builds, which has query, value and key whether they are named or not."""

    def get_build_config(self) -> dict[str, Any] | None:
        if not self.built:
            return None
        return {"shapes_dict": dict(zip(("query_shape", "value_shape", "key_shape"), self.build_shape, strict=False))}

    def compute_output_shape(self, query_shape: Any, *others: Any) -> Any:
        """The output's shape for those of query, value and perhaps key, one by one or in a list."""
        shapes = [query_shape, *others] if others else query_shape
        emitter = Emitter()
        values = [emitter.input(TensorType(self.compute_dtype, tuple(shape))) for shape in shapes]
        return public_shape(emitter.call(self, *values).type)

    def project(self, name: str, shape: Any, heads: Heads, activation: str | None = None) -> EinsumDense:
        """A built map (batch, ..., features) -> (batch, ..., heads, size)."""
        free, features, bound = _letters(len(shape) - 1, 1, 2)
        equation = f"{free}{features},{features}{bound}->{free}{bound}"
        return self._make_dense(name, shape, equation, bound, heads, activation)

    def merge(self, name: str, shape: Any, heads: Heads, sizes: tuple[int, ...]) -> EinsumDense:
        """A built map (batch, ..., heads, size) -> (batch, ..., *sizes), for queries of a shape."""
        free, bound, features = _letters(len(shape) - 1, 2, len(sizes))
        equation = f"{free}{bound},{bound}{features}->{free}{features}"
        return self._make_dense(name, (*shape[:-1], *heads), equation, features, sizes)

    def _make_dense(
        self,
        name: str,
        shape: Any,
        equation: str,
        bias_axes: str,
        sizes: tuple[int, ...],
        activation: str | None = None,
    ) -> EinsumDense:
        rank = len(equation.partition("->")[2])
        layer = EinsumDense(
            equation,
            (*[None] * (rank - 1 - len(sizes)), *sizes),
            activation,
            bias_axes if self.use_bias else None,
            kernel_initializer=_another(self.kernel_initializer),
            bias_initializer=_another(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            activity_regularizer=self.activity_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            dtype=self.dtype_policy,
            name=name,
        )
        self.build_inner(layer, shape)
        return layer

    # --- meaning ----------------------------------------------------------------------

    def emit(
        self,
        b: Emitter,
        query: Value,
        value: Value,
        key: Value | None = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        inputs = [query, value] if key is None else [query, value, key]
        self.build_once([public_shape(x.type) for x in inputs])
        self.check_order(query, bool(use_causal_mask))
        own_mask = self.mask_of(b, query)
        masks = self.masks_between(b, inputs, [query_mask, value_mask, key_mask])
        if attention_mask is not None:
            masks.append(as_mask(b, attention_mask))
        y, weights = self.attend(
            b,
            b.call(self.dense("query"), query),
            b.call(self.dense("key"), value if key is None else key),
            b.call(self.dense("value"), value),
            masks,
            bool(use_causal_mask),
            bool(return_attention_scores),
        )
        if self.use_gate:
            y = b.mul(y, b.call(self.dense("gate"), query))
        y = b.call(self.dense("output"), y)
        if own_mask is not None:
            b.masks[y] = own_mask
        return (y, weights) if return_attention_scores else y

    def check_order(self, query: Value, causal: bool) -> None:
        """Raises ArgumentError if the layer is to know earlier from later steps where it does not."""
        if query.rank != 3 and (causal or self.sliding_window):
            raise ArgumentError(
                f"{self}: use_causal_mask and sliding_window need queries (batch, time, features), "
                f"received rank {query.rank}"
            )

    def mask_of(self, b: Emitter, x: Value) -> Value | None:
        """The mask that follows an input, if that counts."""
        return b.masks.get(x)

    def masks_between(self, b: Emitter, inputs: list[Value], given: list[Any]) -> list[Value]:
        """The masks of query, value and key, as given or as they follow these, with axes (batch, T, S)."""
        pairs = zip(inputs, given, strict=False)
        masks = [self.mask_of(b, x) if mask is None else as_mask(b, mask) for x, mask in pairs]
        axes = (-1, -2, -2)
        return [b.expand_dims(mask, axes=(axis,)) for mask, axis in zip(masks, axes, strict=False) if mask is not None]

    def attend(
        self,
        b: Emitter,
        query: Value,
        key: Value,
        value: Value,
        masks: list[Value],
        causal: bool,
        with_weights: bool,
    ) -> tuple[Value, Value | None]:
        """What each head finds (batch, T, heads, size), and the weights with which it does."""
        drops = b.training and self.dropout > 0
        result = b.attention(
            query,
            key,
            value,
            _merged(b, masks, rank=4, axes=1),
            scale=1 / sqrt(self.key_size),
            causal=causal,
            window=self.sliding_window or 0,
            zero_masked=self.zeroes_masked(with_weights),
            lowered=self.lowers_masked,
            with_weights=with_weights or drops,
        )
        if drops:
            weights = self.stream.drop(b, result[1], self.dropout)
            values = b.repeat(value, axis=2, count=query.shape[2] // value.shape[2])
            return b.einsum(weights, values, equation="bhts,bshd->bthd"), weights
        return result if with_weights else (result, None)

    @property
    def lowers_masked(self) -> bool:
        """Whether scores of keys that may not be seen are lowered, not replaced, so that their gradients pass."""
        return False

    def zeroes_masked(self, with_weights: bool) -> bool:
        """Whether a query that may see nothing finds zero, not the mean of all values."""
        return self.dropout > 0 or with_weights


def _merged(b: Emitter, masks: list[Value], rank: int, axes: int) -> Value | None:
    """One mask of the scores' rank for several of (..., queries, keys) with so many axes of each."""
    aligned = []
    for mask in masks:
        start = mask.rank - 2 * axes
        if start < 0 or mask.rank > rank:
            raise ShapeError(f"a mask must have from {2 * axes} to {rank} axes, received {mask.type}")
        missing = range(start, start + rank - mask.rank)
        aligned.append(b.expand_dims(mask, axes=missing) if missing else mask)
    return reduce(b.logical_and, aligned) if aligned else None


def _letters(*counts: int) -> list[str]:
    """So many letters each, all different."""
    letters = iter(ascii_letters)
    return ["".join(next(letters) for _ in range(count)) for count in counts]


def _another(initializer: Any) -> Any:
    """An initializer like this one that draws other values, unless a seed fixes them."""
    return type(initializer).from_config(initializer.get_config()) if "seed" in initializer.fields else initializer


def _parse_sizes(value: Any, owner: Any) -> tuple[int, ...] | None:
    sizes = (value,) if isinstance(value, int) and value else tuple(value or ())
    return tuple(PositiveInt.parse(size, owner) for size in sizes) or None


def _parse_axes(value: Any, owner: Any) -> tuple[int, ...]:
    return int_list((value,) if isinstance(value, int) else value)


@registered("keras.layers")
class MultiHeadAttention(HeadsAttention):
    """Attention of `num_heads` heads (Vaswani et al. 2017).

    key_dim, value_dim: sizes of the heads of queries and keys, and of values. output_shape: sizes that
    replace the features. attention_axes: the axes over which queries and keys lie, all between batch and
    features if not given. A mask leaves with the query alone: after the call its inputs have none.
    query_mask is not heeded, as in Keras, unless it follows the query.
    keras2_masks: inputs keep their masks, and a query that may see nothing takes the mean of all values
    in every case. ignores_masks (until Keras 2.9): those of the inputs are not heeded, and none leaves.
    Source: keras.layers.MultiHeadAttention.
    """

    num_heads = Field(PositiveInt)
    key_dim = Field(PositiveInt)
    value_dim = Field(optional(PositiveInt), None)
    dropout = Field(within(0, 1), 0.0)
    use_bias = Field(Bool, True)
    use_gate = Field(Bool, False)
    output_shape = Field(Kind("a size, a sequence of sizes or None", _parse_sizes), None)
    attention_axes = Field(optional(Kind("an axis or a sequence of axes", _parse_axes)), None)
    sliding_window = Field(optional(PositiveInt), None)
    kernel_initializer = Field(InitializerKind, "glorot_uniform")
    bias_initializer = Field(InitializerKind, "zeros")
    kernel_regularizer = Field(RegularizerKind, None)
    bias_regularizer = Field(RegularizerKind, None)
    activity_regularizer = Field(RegularizerKind, None)
    kernel_constraint = Field(ConstraintKind, None)
    bias_constraint = Field(ConstraintKind, None)
    seed = Field(SeedKind, None)
    keras2_masks = Field(Bool, False, keyword=True, extension=True)
    ignores_masks = Field(Bool, False, keyword=True, extension=True)

    positional = ("num_heads", "key_dim", "value_dim", "dropout", "use_bias", "output_shape", "attention_axes")
    neutral = dict.fromkeys(("query_shape", "key_shape", "value_shape", "softmax_robust_masking"), ANYTHING)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.value_dim = self.value_dim or self.key_dim

    def build(self, input_shape: Any) -> None:
        query, value, key = (*input_shape, input_shape[1])[:3]
        if value[1:-1] != key[1:-1]:
            raise ShapeError(
                f"{self}: values {value} and keys {key} must have the same sizes between batch and features"
            )
        self.query_dense = self.project("query", query, (self.num_heads, self.key_dim))
        self.key_dense = self.project("key", key, (self.num_heads, self.key_dim))
        values = (self.num_heads, self.value_dim)
        self._gate_dense = self.project("gate", query, values, "sigmoid") if self.use_gate else None
        self.value_dense = self.project("value", value, values)
        self.output_dense = self.merge("attention_output", query, values, self.output_shape or (query[-1],))
        rank = len(value)
        axes = range(1, rank - 1) if self.attention_axes is None else self.attention_axes
        self.attention_axes = tuple(axis if axis >= 0 else rank + axis for axis in axes)

    def dense(self, role: str) -> Any:
        return self._gate_dense if role == "gate" else getattr(self, f"{role}_dense")

    @property
    def key_size(self) -> int:
        return self.key_dim

    def check_order(self, query: Value, causal: bool) -> None:
        if self.attention_axes != (1,) or self.sliding_window:
            super().check_order(query, causal)

    def emit_mask(self, b: Emitter, inputs: Any, mask: Any) -> Any:
        return None if self.ignores_masks else mask

    def mask_of(self, b: Emitter, x: Value) -> Value | None:
        return None if self.ignores_masks else super().mask_of(b, x)

    def masks_between(self, b: Emitter, inputs: list[Value], given: list[Any]) -> list[Value]:
        masks = super().masks_between(b, inputs, [None, *given[1:]])
        if not self.keras2_masks:
            for x in inputs:
                b.masks.pop(x, None)
        return masks

    def attend(
        self,
        b: Emitter,
        query: Value,
        key: Value,
        value: Value,
        masks: list[Value],
        causal: bool,
        with_weights: bool,
    ) -> tuple[Value, Value | None]:
        if query.rank == 4 and (self.attention_axes == (1,) or not self.zeroes_masked(with_weights)):
            return super().attend(b, query, key, value, masks, causal, with_weights)
        axes = self.attention_axes
        first, second, rank = _equations(query.rank, axes)
        scores = b.einsum(b.mul(query, 1 / sqrt(self.key_dim)), key, equation=first)
        mask = _merged(b, [*masks, b.causal_mask(scores)] if causal else masks, rank, len(axes))
        if mask is not None:
            scores = self._hide(b, scores, mask)
        weights = b.softmax(scores, axes=range(rank - len(axes), rank))
        if mask is not None and not self.keras2_masks:
            weights = b.where(mask, weights, b.constant(0, weights.dtype))
        if b.training:
            weights = self.stream.drop(b, weights, self.dropout)
        return b.einsum(weights, value, equation=second), weights

    def _hide(self, b: Emitter, scores: Value, mask: Value) -> Value:
        if self.lowers_masked:
            zero, low = b.constant(0, scores.dtype), b.constant(_LOWERED, scores.dtype)
            return b.add(scores, b.where(mask, zero, low))
        return b.where(mask, scores, b.constant(_HIDDEN, scores.dtype))

    @property
    def lowers_masked(self) -> bool:
        return bool(self.keras2_masks)

    def zeroes_masked(self, with_weights: bool) -> bool:
        return super().zeroes_masked(with_weights) and not self.keras2_masks


_HIDDEN = -3e38
"""What takes the place of the scores of keys that a query may not see."""
_LOWERED = -1e9
"""What Keras 2 adds to them instead."""


def _equations(rank: int, axes: tuple[int, ...]) -> tuple[str, str, int]:
    """For heads (batch, ..., heads, size) attending along some axes: einsum of scores and of results.

    Scores have the other axes first, then those of queries, then those of keys; the last item is their rank.
    """
    query, others = _letters(rank, len(axes))
    key = "".join(others[axes.index(axis)] if axis in axes else letter for axis, letter in enumerate(query))
    kept = "".join(letter for axis, letter in enumerate(query[:-1]) if axis not in axes)
    scores = kept + "".join(query[axis] for axis in axes) + others
    return f"{query},{key}->{scores}", f"{scores},{key}->{query}", len(scores)


@registered("keras.layers", "GroupQueryAttention")
class GroupedQueryAttention(HeadsAttention):
    """Attention whose `num_query_heads` heads share `num_key_value_heads` heads of keys and values.

    Source: keras.layers.GroupQueryAttention (Ainslie et al. 2023).
    """

    keras_name = "GroupQueryAttention"

    head_dim = Field(PositiveInt)
    num_query_heads = Field(PositiveInt)
    num_key_value_heads = Field(PositiveInt)
    use_bias = Field(Bool, True)
    use_gate = Field(Bool, False)
    sliding_window = Field(optional(PositiveInt), None)
    dropout = Field(within(0, 1), 0.0)
    kernel_initializer = Field(InitializerKind, "glorot_uniform")
    bias_initializer = Field(InitializerKind, "zeros")
    kernel_regularizer = Field(RegularizerKind, None)
    bias_regularizer = Field(RegularizerKind, None)
    activity_regularizer = Field(RegularizerKind, None)
    kernel_constraint = Field(ConstraintKind, None)
    bias_constraint = Field(ConstraintKind, None)
    seed = Field(SeedKind, None)

    positional = ("head_dim", "num_query_heads", "num_key_value_heads", "dropout", "use_bias", "sliding_window")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.num_query_heads % self.num_key_value_heads:
            raise ArgumentError(
                f"{self}: num_query_heads={self.num_query_heads} must be a multiple of "
                f"num_key_value_heads={self.num_key_value_heads}"
            )

    def build(self, input_shape: Any) -> None:
        query, value, key = (*input_shape, input_shape[1])[:3]
        if not len(query) == len(value) == len(key) == 3:
            raise ShapeError(f"{self}: inputs must have axes (batch, time, features), received {input_shape}")
        queries, keys = (self.num_query_heads, self.head_dim), (self.num_key_value_heads, self.head_dim)
        self._query_dense = self.project("query", query, queries)
        self._key_dense = self.project("key", key, keys)
        self._gate_dense = self.project("gate", query, queries, "sigmoid") if self.use_gate else None
        self._value_dense = self.project("value", value, keys)
        self._output_dense = self.merge("attention_output", query, queries, (query[-1],))

    def dense(self, role: str) -> Any:
        return getattr(self, f"_{role}_dense")

    @property
    def key_size(self) -> int:
        return self.head_dim
