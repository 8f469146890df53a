"""Hashes of strings and integers into bins, as TensorFlow computes them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from ..errors import ArgumentError, DtypeError, ShapeError
from ..ir.operator import Int, OptionalInts, not_differentiable, operator, same_dtype
from ..ir.types import TensorType, broadcast
from .strings import as_bytes, each, keys_of, require_categories

_MASK = 2**64 - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def _rotate(value: int, count: int) -> int:
    """A 64-bit word turned to the right."""
    value &= _MASK
    return ((value >> count) | (value << (64 - count))) & _MASK


def _shift_mix(value: int) -> int:
    value &= _MASK
    return value ^ (value >> 47)


def _fetch(text: bytes, start: int, count: int = 8) -> int:
    return int.from_bytes(text[start : start + count], "little")


def _mix(u: int, v: int, factor: int) -> int:
    a = _shift_mix((u ^ v) * factor)
    return _shift_mix(((v ^ a) & _MASK) * factor) * factor & _MASK


def _up_to_16(text: bytes) -> int:
    size = len(text)
    factor = _K2 + size * 2
    if size >= 8:
        a, b = _fetch(text, 0) + _K2, _fetch(text, size - 8)
        c = _rotate(b, 37) * factor + a
        d = (_rotate(a, 25) + b) * factor
        return _mix(c & _MASK, d & _MASK, factor)
    if size >= 4:
        return _mix(size + (_fetch(text, 0, 4) << 3), _fetch(text, size - 4, 4), factor)
    if size:
        y = text[0] + (text[size >> 1] << 8)
        z = size + (text[-1] << 2)
        return _shift_mix((y * _K2) ^ (z * _K0)) * _K2 & _MASK
    return _K2


def _middle(text: bytes, first: int) -> tuple[int, int, int, int]:
    """What texts of 17 to 64 bytes share: two mixed words, the first word times `first`, and the factor."""
    size = len(text)
    factor = _K2 + size * 2
    a, b = _fetch(text, 0) * first, _fetch(text, 8)
    c, d = _fetch(text, size - 8) * factor, _fetch(text, size - 16) * _K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d
    return y & _MASK, (a + _rotate(b + _K2, 18) + c) & _MASK, a & _MASK, factor


def _up_to_64(text: bytes) -> int:
    size = len(text)
    y, other, a, factor = _middle(text, _K2)
    z = _mix(y, other, factor)
    e, f = _fetch(text, 16) * factor, _fetch(text, 24)
    g, h = (y + _fetch(text, size - 32)) * factor, (z + _fetch(text, size - 24)) * factor
    u = _rotate(e + f, 43) + _rotate(g, 30) + h
    return _mix(u & _MASK, (e + _rotate(f + a, 18) + g) & _MASK, factor)


def _weak(text: bytes, start: int, a: int, b: int) -> tuple[int, int]:
    """Two words from 32 bytes and two seeds."""
    w, x, y, z = (_fetch(text, start + offset) for offset in (0, 8, 16, 24))
    a += w
    b = _rotate(b + a + z, 21)
    c = a
    a += x + y
    return (a + z) & _MASK, (b + _rotate(a, 44) + c) & _MASK


def farmhash64(text: bytes) -> int:
    """FarmHash's Fingerprint64, which is farmhashna::Hash64. Source: Google's FarmHash 1.1, farmhash.cc."""
    size = len(text)
    if size <= 16:
        return _up_to_16(text)
    if size <= 32:
        y, other, _, factor = _middle(text, _K1)
        return _mix(y, other, factor)
    return _up_to_64(text) if size <= 64 else _long(text)


def _long(text: bytes) -> int:
    """More than 64 bytes, in blocks of 64; the last block overlaps the one before it."""
    x, y = 81 * _K2 + _fetch(text, 0), 81 * _K1 + 113
    z = _shift_mix(y * _K2 + 113) * _K2
    v, w = (0, 0), (0, 0)
    blocks = (len(text) - 1) // 64
    for start in range(0, blocks * 64, 64):
        x, y, z, v, w = _block(text, start, (x, y, z), v, w, (_K1, 1))
    rest = (len(text) - 1) & 63
    factor = _K1 + ((z & 0xFF) << 1)
    w = (w[0] + rest, w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x, y, z, v, w = _block(text, len(text) - 64, (x, y, z), v, w, (factor, 9))
    low = _mix(v[0], w[0], factor) + _shift_mix(y) * _K0 + z
    return _mix(low & _MASK, (_mix(v[1], w[1], factor) + x) & _MASK, factor)


_Pair = tuple[int, int]


def _block(
    text: bytes, start: int, words: tuple[int, int, int], v: _Pair, w: _Pair, factors: _Pair
) -> tuple[int, int, int, _Pair, _Pair]:
    x, y, z = words
    factor, weight = factors
    x = _rotate(x + y + v[0] + _fetch(text, start + 8), 37) * factor
    y = _rotate(y + v[1] + _fetch(text, start + 48), 42) * factor
    x = (x ^ (w[1] * weight)) & _MASK
    y = (y + v[0] * weight + _fetch(text, start + 40)) & _MASK
    z = _rotate(z + w[0], 33) * factor & _MASK
    v = _weak(text, start, v[1] * factor, x + w[0])
    w = _weak(text, start + 32, z + w[1], y + _fetch(text, start + 16))
    return z, y, x, v, w


def siphash64(text: bytes, key: Sequence[int]) -> int:
    """SipHash-2-4 under a key of two words (Aumasson and Bernstein 2012)."""
    low, high = (word & _MASK for word in key)
    state = [low ^ 0x736F6D6570736575, high ^ 0x646F72616E646F6D, low ^ 0x6C7967656E657261, high ^ 0x7465646279746573]
    whole = len(text) // 8 * 8
    words = [_fetch(text, start) for start in range(0, whole, 8)]
    words.append(_fetch(text, whole) | (len(text) & 0xFF) << 56)
    for word in words:
        state[3] ^= word
        _sip_rounds(state, 2)
        state[0] ^= word
    state[2] ^= 0xFF
    _sip_rounds(state, 4)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _sip_rounds(state: list[int], count: int) -> None:
    a, b, c, d = state
    for _ in range(count):
        a, c = (a + b) & _MASK, (c + d) & _MASK
        b, d = _rotate(b, 51) ^ a, _rotate(d, 48) ^ c
        a, c = (_rotate(a, 32) + d) & _MASK, (c + b) & _MASK
        d, b = _rotate(d, 43) ^ a, _rotate(b, 47) ^ c
        c = _rotate(c, 32)
    state[:] = a, b, c, d


def concatenated(first: int, second: int) -> int:
    """One fingerprint of two. Source: FingerprintCat64 in TensorFlow's fingerprint.h."""
    factor = 0xC6A4A7935BD1E995
    mixed = ((first ^ factor) ^ (_shift_mix(second * factor) * factor)) & _MASK
    return _shift_mix(_shift_mix(mixed * factor) * factor)


def as_decimal(key: Any) -> bytes:
    """An element as TensorFlow's as_string has it; a fraction is cut off."""
    if isinstance(key, bytes):
        return key
    return str(key).lower().encode() if isinstance(key, bool) else str(int(key)).encode()


def bin_of(key: Any, bins: int, salt: Sequence[int] | None) -> int:
    """The bin of one element, by FarmHash64, or by SipHash under a salt."""
    text = as_decimal(key)
    return (farmhash64(text) if salt is None else siphash64(text, salt)) % bins


def _hash_bins_type(x: TensorType, mask: TensorType | None, *, bins: int, salt: Any) -> TensorType:
    if x.dtype.startswith("complex"):
        raise DtypeError(f"hash_bins: needs strings or real numbers, received {x.dtype}")
    if mask is not None and (same_dtype("hash_bins", x, mask) and mask.rank):
        raise ShapeError(f"hash_bins: the mask is one element, received {mask}")
    if bins < 1 or (salt is not None and len(salt) != 2):
        raise ArgumentError(f"hash_bins: needs bins >= 1 and a salt of two integers, received {bins} and {salt}")
    return x.with_dtype("int64")


def _hash_bins(x: np.ndarray, mask: np.ndarray | None, *, bins: int, salt: Any) -> np.ndarray:
    if mask is None or bins == 1:
        return each(lambda key: bin_of(key, bins, salt), x)
    masked = keys_of(mask)[0]
    return each(lambda key: 0 if key == masked else 1 + bin_of(key, bins - 1, salt), x)


hash_bins = operator(
    "hash_bins",
    "x mask?",
    attrs={"bins": Int, "salt": OptionalInts(None)},
    infer=_hash_bins_type,
    meaning=_hash_bins,
    gradient=not_differentiable,
)
"""The bin in [0, bins) of each string, or of each number written as one, by FarmHash64; by SipHash with a salt.

mask: an element that alone has bin 0. As tf.strings.to_hash_bucket_fast and to_hash_bucket_strong.
"""

_CROSS_KEY = 0xDECAFCAFFE
"""The seed of TensorFlow's crosses."""


def _cross_bins_type(*xs: TensorType, bins: int) -> TensorType:
    for x in xs:
        require_categories("cross_bins", x)
    if len(xs) < 2 or bins < 1:
        raise ArgumentError(f"cross_bins: needs two operands or more and bins >= 1, received {len(xs)} and {bins}")
    return TensorType("int64", broadcast(*(x.shape for x in xs)))


def _cross_bins(*xs: np.ndarray, bins: int) -> np.ndarray:
    columns = [keys_of(np.asarray(x)) for x in np.broadcast_arrays(*xs)]
    crosses = [reduce(concatenated, map(_fingerprint, row), _CROSS_KEY) % bins for row in zip(*columns, strict=True)]
    return np.array(crosses, np.int64).reshape(np.broadcast_shapes(*(x.shape for x in xs)))


def _fingerprint(key: Any) -> int:
    return farmhash64(as_bytes(key)) if isinstance(key, bytes) else int(key) & _MASK


cross_bins = operator(
    "cross_bins", "x*", attrs={"bins": Int}, infer=_cross_bins_type, meaning=_cross_bins, gradient=not_differentiable
)
"""The bin in [0, bins) of each combination of elements at the same place. As tf.sparse.cross_hashed."""
