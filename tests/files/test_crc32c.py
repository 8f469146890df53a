"""The Castagnoli checksum."""

import numpy as np
import pytest

from kcompat.converters.files import crc32c


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
    ids=["nothing", "digits", "zeros", "ones", "counting"],
)
def test_known(data: bytes, expected: int) -> None:
    """Source: RFC 3720, B.4."""
    assert crc32c.extended(0, data) == expected


@pytest.mark.parametrize("size", [2047, 2048, 2049, 5000, 70001])
def test_rows_are_bytes(size: int) -> None:
    data = np.random.default_rng(size).integers(0, 256, size, np.uint8).tobytes()
    state = 0
    for start in range(0, size, 1000):
        state = crc32c.extended(state, data[start : start + 1000])
    assert crc32c.extended(0, data) == state


def test_masked() -> None:
    assert crc32c.masked(b"") == 0xA282EAD8
    assert crc32c.masked(b"123456789") == ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF
