"""The Castagnoli checksum, as LevelDB and TensorFlow mask it.

A checksum is linear: rows of bytes are summed up beside each other, and joined by what zeros behind a row do to it.
"""

from __future__ import annotations

import numpy as np

_POLYNOMIAL = 0x82F63B78
_ROW = 512
_PIECE = 32 << 20
"""Bytes that are worked on at once."""


def masked(data: bytes | memoryview) -> int:
    """The masked checksum of bytes."""
    return mask(extended(0, data))


def mask(crc: int) -> int:
    """A checksum so that it can be part of data which have a checksum."""
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def extended(crc: int, data: bytes | memoryview) -> int:
    """The checksum of bytes whose beginning has the checksum `crc`, and which go on with `data`."""
    state = crc ^ 0xFFFFFFFF
    view = memoryview(data).cast("B")
    for start in range(0, len(view), _PIECE):
        piece = view[start : start + _PIECE]
        state = _of_rows(state, piece) if len(piece) >= 4 * _ROW else _of_bytes(state, piece)
    return state ^ 0xFFFFFFFF


def _of_bytes(state: int, data: memoryview) -> int:
    for byte in data:
        state = _BYTES[(state ^ byte) & 0xFF] ^ (state >> 8)
    return state


def _of_rows(state: int, data: memoryview) -> int:
    """Zeros in front of all rows change nothing, since each row begins with a state of zero."""
    count = 1 << (-(-len(data) // _ROW) - 1).bit_length()
    padded = np.zeros(count * _ROW, np.uint8)
    padded[-len(data) :] = np.frombuffer(data, np.uint8)
    begin = len(padded) - len(data)
    padded[begin : begin + 4] ^= np.frombuffer(state.to_bytes(4, "little"), np.uint8)
    states = np.zeros(count, np.uint32)
    for column in np.ascontiguousarray(padded.reshape(count, _ROW).T):
        states = _TABLE[(states ^ column) & 0xFF] ^ (states >> 8)
    behind = _zeros_behind()
    while len(states) > 1:
        states = _applied(behind, states[::2]) ^ states[1::2]
        behind = _applied(behind, behind)
    return int(states[0])


def _zeros_behind() -> np.ndarray:
    """What a row of zeros makes of a state of each single bit."""
    states = np.uint32(1) << np.arange(32, dtype=np.uint32)
    for _ in range(_ROW):
        states = _TABLE[states & 0xFF] ^ (states >> 8)
    return states


def _applied(images: np.ndarray, states: np.ndarray) -> np.ndarray:
    """What a linear map makes of states. images: of each single bit."""
    result = np.zeros_like(states)
    for bit, image in enumerate(images):
        result ^= np.where((states >> np.uint32(bit)) & np.uint32(1), image, np.uint32(0))
    return result


def _castagnoli(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_BYTES = [_castagnoli(byte) for byte in range(256)]
_TABLE = np.array(_BYTES, np.uint32)
