"""Tokens to their places in a vocabulary, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import InputError, ShapeError
from ..ir.operator import Int, OptionalInts, not_differentiable, one_of, operator, same_dtype
from ..ir.types import TensorType, shape_text
from .hashing import bin_of
from .strings import each, keys_of, require_categories

_NO_VOCABULARY = "there is no vocabulary yet: give one to the layer (vocabulary=, set_vocabulary) or adapt it"


def _lookup_type(x: TensorType, tokens: TensorType, mask: TensorType | None, **_: Any) -> TensorType:
    require_categories("lookup", x)
    same_dtype("lookup", x, tokens, mask)
    if tokens.rank != 1 or (mask is not None and mask.rank):
        raise ShapeError(f"lookup: tokens are a list and the mask is one, received {shape_text(tokens.shape)}, {mask}")
    return x.with_dtype("int64")


def _lookup(
    x: np.ndarray,
    tokens: np.ndarray,
    mask: np.ndarray | None,
    *,
    first: int,
    strangers: int,
    masked_index: int,
    hashing: str,
    salt: tuple[int, ...] | None,
) -> np.ndarray:
    if not tokens.size:
        raise InputError(f"lookup: {_NO_VOCABULARY}")
    places = {key: index for index, key in enumerate(keys_of(tokens), first)}
    if mask is not None:
        places[keys_of(mask)[0]] = masked_index
    stranger = _stranger(strangers, first - strangers, hashing, salt)

    def place(key: Any) -> int:
        found = places.get(key)
        return stranger(key) if found is None else found

    return each(place, x)


def _stranger(count: int, first: int, hashing: str, salt: tuple[int, ...] | None) -> Callable[[Any], int]:
    """The index of a token that is not in the vocabulary."""

    def refuse(key: Any) -> int:
        shown = key.decode("utf-8", "replace") if isinstance(key, bytes) else key
        raise InputError(f"lookup: {shown!r} is not in the vocabulary, and num_oov_indices is 0")

    if count == 0:
        return refuse
    if count == 1:
        return lambda key: first
    if hashing == "floormod":
        return lambda key: first + (key % count if isinstance(key, int) else bin_of(key, count, salt))
    return lambda key: first + bin_of(key, count, salt)


lookup = operator(
    "lookup",
    "x tokens mask?",
    attrs={
        "first": Int,
        "strangers": Int(1),
        "masked_index": Int(0),
        "hashing": one_of("floormod", "farmhash"),
        "salt": OptionalInts(None),
    },
    infer=_lookup_type,
    meaning=_lookup,
    gradient=not_differentiable,
)
"""The place of each string or integer among `tokens`, counted from `first`, as int64.

Those that are not there share the `strangers` indices before `first`: integers by their remainder, or as
strings do by their hash ("farmhash"; see `hash_bins` for the salt). With none, they raise InputError when
the graph runs, as an empty vocabulary does. mask: a token that has `masked_index`.
"""


def _token_at_type(x: TensorType, tokens: TensorType, default: TensorType) -> TensorType:
    require_categories("token_at", x)
    same_dtype("token_at", tokens, default)
    if tokens.rank != 1 or default.rank or x.dtype == "string":
        raise ShapeError(f"token_at: needs integers, a list and one default, received {x}, {tokens} and {default}")
    return x.with_dtype(tokens.dtype)


def _token_at(x: np.ndarray, tokens: np.ndarray, default: np.ndarray) -> np.ndarray:
    if not tokens.size:
        raise InputError(f"token_at: {_NO_VOCABULARY}")
    inside = (x >= 0) & (x < len(tokens))
    return np.where(inside, tokens[np.where(inside, x, 0)], default)


token_at = operator(
    "token_at", "x tokens default", infer=_token_at_type, meaning=_token_at, gradient=not_differentiable
)
"""The token at each index, and `default` where there is none. Raises InputError without tokens when the graph runs."""
