"""Random numbers as a function of a seed and a counter: the same on every engine, whatever the order of work.

Element i of a tensor is word i % 4 of block i // 4 of Philox4x32-10 (Salmon et al. 2011, as in
Random123), whose key is (seed, 0) and whose counter is (low and high half of the block's number,
counter, 0). `state` is [seed, counter] in uint32, the state of a seed generator of Keras 3.
"""

from __future__ import annotations

import numpy as np

from ..errors import DtypeError, ShapeError
from ..ir.operator import OptionalInts, operator
from ..ir.types import TensorType, is_float
from .gradients import constant

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85
_ROUNDS = 10
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox(state: np.ndarray, count: int) -> np.ndarray:
    """The first `count` words, uint32, of the stream of a state."""
    blocks = np.arange(-(-count // 4), dtype=np.uint64)
    c0, c1 = blocks & _LOW, blocks >> _HALF
    c2, c3 = np.full_like(blocks, state[1]), np.zeros_like(blocks)
    k0, k1 = int(state[0]), 0
    for _ in range(_ROUNDS):
        first, second = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (second >> _HALF) ^ c1 ^ np.uint64(k0),
            second & _LOW,
            (first >> _HALF) ^ c3 ^ np.uint64(k1),
            first & _LOW,
        )
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=1).reshape(-1)[:count].astype(np.uint32)


def _random_type(like: TensorType, state: TensorType, *, shape: tuple[int, ...] | None) -> TensorType:
    if not is_float(like.dtype):
        raise DtypeError(f"random numbers are floating, received {like.dtype}")
    if state != TensorType("uint32", (2,)):
        raise DtypeError(f"the state of a random stream is uint32 [seed, counter], received {state}")
    if shape is None:
        return like
    if len(shape) != like.rank:
        raise ShapeError(f"shape={shape} must have {like.rank} sizes, as the tensor it follows")
    return like.with_shape(own if size < 0 else size for own, size in zip(like.shape, shape, strict=True))


def _sizes(like: np.ndarray, shape: tuple[int, ...] | None) -> tuple[int, ...]:
    given = shape or (-1,) * like.ndim
    return tuple(own if size < 0 else size for own, size in zip(like.shape, given, strict=True))


def _unit(words: np.ndarray) -> np.ndarray:
    """Words as multiples of 2^-24 in [0, 1)."""
    return (words >> np.uint32(8)).astype(np.float64) / 2**24


def _uniform(like: np.ndarray, state: np.ndarray, *, shape: tuple[int, ...] | None) -> np.ndarray:
    sizes = _sizes(like, shape)
    return _unit(philox(state, int(np.prod(sizes)))).reshape(sizes).astype(like.dtype)


def _normal(like: np.ndarray, state: np.ndarray, *, shape: tuple[int, ...] | None) -> np.ndarray:
    """By Box and Muller, from each two words."""
    sizes = _sizes(like, shape)
    count = int(np.prod(sizes))
    unit = _unit(philox(state, count + count % 2)).reshape(-1, 2)
    radius = np.sqrt(-2 * np.log1p(-unit[:, 0]))
    angle = 2 * np.pi * unit[:, 1]
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return pairs.reshape(-1)[:count].reshape(sizes).astype(like.dtype)


_LIKE = {"shape": OptionalInts(None)}

random_uniform = operator(
    "random_uniform", "like state", attrs=_LIKE, infer=_random_type, meaning=_uniform, gradient=constant
)
"""Numbers in [0, 1), of the dtype and shape of `like`; `shape` says other sizes, -1 for like's own."""

random_normal = operator(
    "random_normal", "like state", attrs=_LIKE, infer=_random_type, meaning=_normal, gradient=constant
)
"""Normal numbers of mean 0 and deviation 1, of the dtype and shape of `like`, as in random_uniform."""
