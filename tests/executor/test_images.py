"""Kernels as images, and as object files where they cannot be images."""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path

import numpy as np
import pytest

from kcompat.kernels import imaging, library
from kcompat.kernels.toolchain import compile_kernel

SOFTMAX, CALL = ("softmax.rows", (("log", 0), ("lanes", 4))), ("walk.call", ())
"""A kernel with constants, and one that calls a function of the process."""

Kernel = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


def softmax(found: library.Library, x: np.ndarray) -> np.ndarray:
    y = np.zeros_like(x)
    words = np.array([y.ctypes.data, x.ctypes.data, *x.shape], np.int64)
    Kernel(found.addresses([SOFTMAX, CALL])[SOFTMAX])(words.ctypes.data, 0, 1)
    return y


@pytest.mark.skipif(
    platform.system() != "Linux" or platform.machine() != "x86_64", reason="images are of x86-64 object files in ELF"
)
@pytest.mark.parametrize("key", [SOFTMAX, CALL], ids=["softmax", "call"])
def test_numbas_object_files_become_images(key):
    assert imaging.image_of(*compile_kernel(key)) is not None


FOREIGN = {"COFF": b"\x64\x86", "Mach-O": b"\xcf\xfa\xed\xfe", "ELF-32": b"\x7fELF\x01\x01" + bytes(64)}


@pytest.mark.parametrize("kind", FOREIGN)
def test_other_object_files_do_not(kind):
    assert imaging.image_of("kernel", FOREIGN[kind]) is None


def test_images_and_linked_objects_compute_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    x = np.linspace(-3, 3, 12, dtype=np.float32).reshape(3, 4)
    monkeypatch.setenv("KCOMPAT_CACHE", str(tmp_path / "images"))
    expected = softmax(library.Library(), x)
    assert expected.sum(1) == pytest.approx(np.ones(3))
    monkeypatch.setattr(imaging, "image_of", lambda symbol, file: None)
    monkeypatch.setenv("KCOMPAT_CACHE", str(tmp_path / "objects"))
    for _ in ("compiled", "from the store"):
        assert (softmax(library.Library(), x) == expected).all()
