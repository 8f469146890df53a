"""Event files of TensorBoard: TFRecords of Event messages.

Sources: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto,
tensorflow/core/framework/summary.proto and tensor.proto.
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
import time
from pathlib import Path

import numpy as np

_numbers = itertools.count()

_FLOAT, _DOUBLE, _STRING = 1, 2, 7
"""DataType in tensorflow/core/framework/types.proto."""

_SCALAR, _TENSOR = 1, 2
"""DataClass in summary.proto."""

_POLYNOMIAL = 0x82F63B78
_BUCKETS = 30


def _table() -> list[int]:
    entries = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
        entries.append(byte)
    return entries


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """Castagnoli's cyclic redundancy check (RFC 3720)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def record(data: bytes) -> bytes:
    """A TFRecord: length, checksum of it, data, checksum of them."""
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


# --- protocol buffers ---------------------------------------------------------------


def _varint(number: int) -> bytes:
    number &= 0xFFFFFFFFFFFFFFFF
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _int(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _double(field: int, number: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", number)


def _bytes(field: int, data: bytes | str) -> bytes:
    data = data.encode() if isinstance(data, str) else data
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _tensor(dtype: int, shape: tuple[int, ...], content: bytes) -> bytes:
    dims = b"".join(_bytes(2, _int(1, size)) for size in shape)
    return _int(1, dtype) + _bytes(2, dims) + content


def _metadata(plugin: str, data_class: int, content: bytes = b"") -> bytes:
    data = _bytes(1, plugin) + (_bytes(2, content) if content else b"")
    return _bytes(1, data) + (_int(4, data_class) if data_class else b"")


class EventFile:
    """A file of events in a folder, made with the first of them. Values are as TensorFlow 2 writes them."""

    def __init__(self, folder: Path) -> None:
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}.v2"
        self.folder, self.name = folder, name
        self._started = False

    def scalar(self, tag: str, value: float, step: int) -> None:
        """A number."""
        tensor = _tensor(_FLOAT, (), _bytes(4, np.float32(value).tobytes()))
        self._summary(tag, tensor, _metadata("scalars", _SCALAR), step)

    def histogram(self, tag: str, values: np.ndarray, step: int) -> None:
        """How elements are distributed: (left edge, right edge, count) of 30 buckets."""
        values = np.asarray(values, np.float64).reshape(-1)
        buckets = np.zeros((0, 3))
        if values.size:
            counts, edges = np.histogram(values, _BUCKETS)
            buckets = np.stack([edges[:-1], edges[1:], counts], axis=1)
        tensor = _tensor(_DOUBLE, buckets.shape, _bytes(4, buckets.astype("<f8").tobytes()))
        self._summary(tag, tensor, _metadata("histograms", _TENSOR), step)

    def keras_model(self, text: str, step: int = 0) -> None:
        """A model's architecture, as JSON."""
        tensor = _tensor(_STRING, (), _bytes(8, text))
        self._summary("keras", tensor, _metadata("graph_keras_model", 0, b"1"), step)

    def _summary(self, tag: str, tensor: bytes, metadata: bytes, step: int) -> None:
        value = _bytes(1, tag) + _bytes(8, tensor) + _bytes(9, metadata)
        self._write(_int(2, step) + _bytes(5, _bytes(1, value)))

    def _write(self, event: bytes) -> None:
        data = b""
        if not self._started:
            self.folder.mkdir(parents=True, exist_ok=True)
            data = record(_double(1, time.time()) + _bytes(3, "brain.Event:2"))
            self._started = True
        with (self.folder / self.name).open("ab") as file:
            file.write(data + record(_double(1, time.time()) + event))
