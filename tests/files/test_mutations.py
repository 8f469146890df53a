"""Damaged files give their content or one of our errors, in bounded time and memory."""

from __future__ import annotations

import io
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from kcompat.converters.files import FileKind, Group, MemorySource, open_archive, open_hdf5
from kcompat.converters.files.kinds import sniff_source
from kcompat.converters.files.npz import parse_npz
from kcompat.errors import KcompatError

DIGITS = Path(__file__).parents[2] / "fixtures" / "digits"
MUTATIONS = 500
SECONDS = 5


def read_group(root: Group) -> None:
    """Reads everything below `root`."""
    pending = [root]
    while pending:
        group = pending.pop()
        pending += group.groups()
        for node in (group, *group.datasets()):
            for name in node.attrs:
                node.attr(name)
        for dataset in group.datasets():
            array = dataset.read()
            assert (array.shape, array.dtype) == (dataset.shape, dataset.dtype)


def read_hdf5(data: bytes) -> None:
    with open_hdf5(data) as root:
        read_group(root)


def read_archive(data: bytes) -> None:
    with open_archive(MemorySource(data)) as archive:
        archive.read_json("config.json")
        archive.read_json("metadata.json")
        with archive.open_hdf5("model.weights.h5") as root:
            read_group(root)


def read_npz(data: bytes) -> None:
    parse_npz(MemorySource(data))


def mutations(data: bytes) -> Iterator[bytes]:
    """Changes 1 to 16 bytes, half of them near the front, where the structure is."""
    for seed in range(MUTATIONS):
        rng = random.Random(seed)
        changed = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 4, 16])):
            position = rng.randrange(rng.choice([len(data), min(len(data), 4096)]))
            changed[position] = rng.choice(
                [0, 1, 0x7F, 0xFF, rng.randrange(256), changed[position] ^ 1 << rng.randrange(8)]
            )
        yield bytes(changed)


@pytest.fixture
def compressed_h5() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        data = np.arange(400, dtype=np.float32).reshape(20, 20)
        options = {"compression": "gzip", "shuffle": True, "fletcher32": True}
        file.create_dataset("x", data=data, chunks=(7, 7), **options)
        file.attrs["names"] = ["first", "second"]
    return buffer.getvalue()


@pytest.fixture
def newer_h5() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="latest") as file:
        file["group/x"] = np.arange(10.0)
        file["group"].attrs["names"] = ["first", "second"]
    return buffer.getvalue()


@pytest.fixture
def whole_model(whole_model_h5: Path) -> bytes:
    return whole_model_h5.read_bytes()


@pytest.fixture
def stored_archive(keras_members: dict[str, bytes], make_zip: Callable[..., Path]) -> bytes:
    return make_zip(keras_members).read_bytes()


@pytest.fixture
def deflated_archive(keras_members: dict[str, bytes], make_zip: Callable[..., Path]) -> bytes:
    return make_zip(keras_members, 8).read_bytes()


@pytest.fixture
def real_h5() -> bytes:
    return (DIGITS / "digits_cnn.h5").read_bytes()


@pytest.fixture
def real_archive() -> bytes:
    return (DIGITS / "digits_cnn.keras").read_bytes()


@pytest.fixture
def arrays() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.arange(3), b=np.ones((2, 2), np.float32))
    return buffer.getvalue()


CASES: dict[str, Callable[[bytes], None]] = {
    "whole_model": read_hdf5,
    "compressed_h5": read_hdf5,
    "newer_h5": read_hdf5,
    "stored_archive": read_archive,
    "deflated_archive": read_archive,
    "real_h5": read_hdf5,
    "real_archive": read_archive,
    "arrays": read_npz,
}


def attempt(read: Callable[[bytes], None], data: bytes) -> str:
    started = time.monotonic()
    try:
        assert sniff_source(MemorySource(data)) in FileKind
        read(data)
        outcome = "read"
    except KcompatError:
        outcome = "refused"
    assert time.monotonic() - started < SECONDS
    return outcome


@pytest.mark.parametrize("case", CASES)
def test_changed_bytes(case: str, request: pytest.FixtureRequest) -> None:
    data = request.getfixturevalue(case)
    CASES[case](data)
    outcomes = Counter(attempt(CASES[case], changed) for changed in mutations(data))
    assert outcomes.keys() == {"read", "refused"}
    assert outcomes.total() == MUTATIONS


@pytest.mark.parametrize("case", CASES)
def test_truncation(case: str, request: pytest.FixtureRequest) -> None:
    data = request.getfixturevalue(case)
    for sixteenths in range(16):
        assert attempt(CASES[case], data[: len(data) * sixteenths // 16]) == "refused"


@pytest.mark.parametrize("case", CASES)
def test_swapped_halves(case: str, request: pytest.FixtureRequest) -> None:
    data = request.getfixturevalue(case)
    half = len(data) // 2
    assert attempt(CASES[case], data[half:] + data[:half]) == "refused"
