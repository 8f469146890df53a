"""Attention, AdditiveAttention."""

from __future__ import annotations

from typing import Any

from ..config import Bool, Field, one_of, registered, within
from ..errors import ArgumentError
from ..initializers import SeedKind
from ..ir import Value
from .base import Layer
from .emitter import Emitter
from .masks import as_mask

_MASKED = 1e9
"""What is taken from the scores of masked keys."""


class ScoredAttention(Layer):
    """The mean of values, weighted by the softmax of the scores that a query gives to their keys.

    Inputs, in a list: queries (batch, T, size), values (batch, S, value size) and keys (batch, S, size),
    which are the values if left out. Output (batch, T, value size), and with `return_attention_scores`
    the weights (batch, T, S) beside it.
    mask: a list of those of queries, whose outputs become zero, and of values, which are not seen.
    """

    supports_masking = True

    use_scale: Any
    dropout: Any
    causal = Field(Bool, False, extension=True, keyword=True)

    def scores(self, b: Emitter, query: Value, key: Value) -> Value:
        """How well each key fits each query: (batch, T, S)."""
        raise NotImplementedError

    def emit(
        self,
        b: Emitter,
        inputs: Any,
        mask: Any = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        if not isinstance(inputs, (list, tuple)) or not 2 <= len(inputs) <= 3:
            raise ArgumentError(f"{self} is called on a list [query, value] or [query, value, key]")
        query, value, key = (b.floating(x) for x in (*inputs, inputs[1])[:3])
        query_mask, value_mask = (None if m is None else as_mask(b, m) for m in (mask or (None, None))[:2])
        scores = self.scores(b, query, key)
        weights = b.softmax(self._masked(b, scores, value_mask, use_causal_mask or self.causal))
        weights = self.stream.drop(b, weights, self.dropout) if b.training else weights
        y = b.matmul(weights, value)
        if query_mask is not None:
            y = b.where(b.expand_dims(query_mask, axes=(-1,)), y, b.constant(0, y.dtype))
        return (y, weights) if return_attention_scores else y

    def emit_mask(self, b: Emitter, inputs: Any, mask: Any) -> Any:
        return mask[0] if mask else None

    def _masked(self, b: Emitter, scores: Value, mask: Value | None, causal: bool) -> Value:
        seen = None if mask is None else b.expand_dims(mask, axes=(-2,))
        if causal:
            earlier = b.causal_mask(scores)
            seen = earlier if seen is None else b.logical_and(seen, earlier)
        return scores if seen is None else b.where(seen, scores, b.sub(scores, _MASKED))


def _summed_tanh(b: Emitter, query: Value, key: Value, inner: Any, outer: Any) -> Value:
    """The sum over sizes of outer * tanh(inner * (query + key)), for every pair."""
    pairs = b.add(b.expand_dims(query, axes=(-2,)), b.expand_dims(key, axes=(-3,)))
    bent = b.tanh(pairs if inner is None else b.mul(pairs, inner))
    return b.reduce_sum(bent if outer is None else b.mul(bent, outer), axes=(-1,))


@registered("keras.layers")
class Attention(ScoredAttention):
    """Attention by scalar products, or by tanh of sums with score_mode "concat" (Luong et al. 2015).

    use_scale: products, or sums before tanh, are scaled by a weight. Source: keras.layers.Attention.
    """

    use_scale = Field(Bool, False)
    score_mode = Field(one_of("dot", "concat"), "dot")
    dropout = Field(within(0, 1), 0.0)
    seed = Field(SeedKind, None)

    def build(self, input_shape: Any) -> None:
        concat = self.score_mode == "concat"
        self.scale = self.add_weight((), "ones", name="scale") if self.use_scale else None
        self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight") if concat else None

    def scores(self, b: Emitter, query: Value, key: Value) -> Value:
        if self.concat_score_weight is not None:
            return b.mul(_summed_tanh(b, query, key, self.scale, None), self.concat_score_weight)
        *batch, last, size = range(key.rank)
        products = b.matmul(query, b.transpose(key, perm=(*batch, size, last)))
        return products if self.scale is None else b.mul(products, self.scale)


@registered("keras.layers")
class AdditiveAttention(ScoredAttention):
    """Attention by sums of tanh(query + key) (Bahdanau et al. 2014).

    use_scale: each size has a weight in the sum. Source: keras.layers.AdditiveAttention.
    """

    use_scale = Field(Bool, True)
    dropout = Field(within(0, 1), 0.0)
    seed = Field(SeedKind, None)

    def build(self, input_shape: Any) -> None:
        size = input_shape[0][-1]
        self.scale = self.add_weight((size,), "glorot_uniform", name="scale") if self.use_scale else None

    def scores(self, b: Emitter, query: Value, key: Value) -> Value:
        return _summed_tanh(b, query, key, None, self.scale)
