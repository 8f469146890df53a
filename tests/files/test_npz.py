"""`.npz` archives without pickles."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kcompat.converters.files import DEFAULT_LIMITS, load_npz, open_archive
from kcompat.errors import FormatError, UnsafeFileError

ARRAYS = {
    "scalar": np.float32(2),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big_endian": np.arange(4, dtype=">i4"),
    "empty": np.zeros((0, 3), np.float16),
    "truth": np.array([True, False]),
    "a/b": np.arange(3, dtype=np.uint8),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_equals_numpy(tmp_path: Path, save: Callable[..., None]) -> None:
    path = tmp_path / "a.npz"
    save(path, **ARRAYS)
    loaded = load_npz(path)
    assert list(loaded) == list(ARRAYS)
    for name, expected in ARRAYS.items():
        expected = np.asarray(expected)
        np.testing.assert_array_equal(loaded[name], expected)
        assert (loaded[name].shape, loaded[name].dtype) == (expected.shape, expected.dtype.newbyteorder("="))
        assert loaded[name].flags.c_contiguous
        assert loaded[name].flags.aligned


def test_a_member_of_an_archive(keras_members: dict[str, bytes], make_zip: Callable[..., Path]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.arange(3))
    with open_archive(make_zip(keras_members | {"model.weights.npz": buffer.getvalue()})) as archive:
        np.testing.assert_array_equal(archive.read_npz("model.weights.npz")["x"], np.arange(3))


def test_pickles_are_refused(tmp_path: Path) -> None:
    """Keras's own NpzIOStore saves one dict per layer, which NumPy pickles."""
    path = tmp_path / "model.weights.npz"
    np.savez(path, **{"layers/dense/vars": {"0": np.zeros(3)}})
    with pytest.raises(UnsafeFileError, match=r"'layers/dense/vars\.npy': holds pickled Python objects"):
        load_npz(path)


def array_file(shape: tuple[int, ...], descr: str = "<f4", data: bytes = bytes(12)) -> bytes:
    stream = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + data


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (array_file((10**12,)), UnsafeFileError, "declares 4000000000000 bytes"),
        (array_file((2**62, 2**62)), FormatError, "is impossible"),
        (array_file((0, 2**62)), FormatError, "is impossible"),
        (array_file((2,)), UnsafeFileError, "declares 8 bytes"),
        (array_file((-1, -3)), FormatError, "a shape of (-1, -3) is impossible"),
        (array_file((3,), "|S4"), UnsafeFileError, "12 bytes of |S4"),
        (array_file((3,), "<M8[s]"), UnsafeFileError, "bytes of datetime64[s]"),
        (b"\x93NUMPY\x09\x00", FormatError, "version (9, 0)"),
        (b"no array", FormatError, "its header is damaged"),
        (b"", FormatError, "its header is damaged"),
        (array_file((3,))[:70], FormatError, "its header is damaged"),
        (b"\x93NUMPY\x01\x00\x10\x00__import__('os')", FormatError, "its header is damaged"),
    ],
    ids=range(12),
)
def test_attacks(make_zip: Callable[..., Path], content: bytes, error: type[Exception], message: str) -> None:
    path = make_zip({"x.npy": content}, name="a.npz")
    with pytest.raises(error) as caught:
        load_npz(path)
    assert message in str(caught.value)
    assert "'x.npy'" in str(caught.value)


def test_decompression_bomb(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.zeros(1 << 20))
    assert load_npz(path)["x"].shape == (1 << 20,)
    with pytest.raises(UnsafeFileError, match=r"limits\.expansion_ratio"):
        load_npz(path, replace(DEFAULT_LIMITS, expansion_floor=1 << 20))


def test_what_is_no_npz(tmp_path: Path, make_zip: Callable[..., Path]) -> None:
    with pytest.raises(FormatError, match=r"member 'a\.txt' is no \.npy array"):
        load_npz(make_zip({"a.txt": b""}, name="a.npz"))
    path = tmp_path / "array.npy"
    np.save(path, np.zeros(3))
    with pytest.raises(FormatError, match=r"this is one NumPy array \(\.npy\)"):
        load_npz(path)
