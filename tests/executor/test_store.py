"""Kernels on disk: found again, made again when they are not sound, and shared."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PREDICT = """
import sys, warnings
warnings.simplefilter("error" if len(sys.argv) < 2 else sys.argv[1])
import numpy as np
from kcompat.models import Sequential
from kcompat import layers
model = Sequential([layers.Input((3,)), layers.Dense(2, activation="relu", kernel_initializer="ones")])
print(model.predict_on_batch(np.ones((4, 3), np.float32))[0, 0], "numba" in sys.modules)
"""


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("KCOMPAT_CACHE", str(tmp_path))
    return tmp_path


def predict(*arguments: str) -> tuple[str, str]:
    """Result and whether Numba was needed, and stderr, of a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, *arguments], capture_output=True, text=True, timeout=300, check=True
    )
    return done.stdout.strip(), done.stderr


def kernels(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.kernel"))


def test_a_second_process_needs_no_numba(environment: Path) -> None:
    first, told = predict()
    assert first == "3.0 True"
    assert "compiling" in told
    assert predict() == ("3.0 False", "")


@pytest.mark.parametrize("damage", ["truncated", "changed", "empty"])
def test_unsound_files_are_made_again(environment: Path, damage: str) -> None:
    predict()
    sound = {path: path.read_bytes() for path in kernels(environment)}
    for path, data in sound.items():
        changed = bytearray(data)
        changed[len(data) // 2] ^= 0xFF
        path.write_bytes({"truncated": data[: len(data) // 2], "changed": bytes(changed), "empty": b""}[damage])
    assert predict()[0] == "3.0 True"
    assert predict()[0] == "3.0 False"


def test_a_folder_that_cannot_be_written_is_reported_once(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = environment / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("KCOMPAT_CACHE", str(blocked))
    result, told = predict("default")
    assert result == "3.0 True"
    assert told.count("KCOMPAT_CACHE") == 1


def test_kernels_of_one_maker_from_two_processes_are_linked_together(environment: Path) -> None:
    """Numba numbers what it compiles from one on in every process."""
    names = ("floor", "ceil")
    for operators in [*((name,) for name in names), names]:
        keys = [("chains.unary", (("op", op), ("source", "f"), ("target", "f"), ("parameters", 0))) for op in operators]
        link = f"from kcompat.kernels import addresses; print(len(addresses({keys!r})))"
        done = subprocess.run([sys.executable, "-c", link], capture_output=True, text=True, timeout=300, check=True)
        assert done.stdout.strip() == str(len(operators))


COMPILE_TOGETHER = """
import sys
from kcompat.kernels import addresses, library, workers
workers.processors = lambda: 2
here = []
compiled, library.compiled = library.compiled, lambda key: here.append(key) or compiled(key)
names = ("floor", "ceil", "abs", "neg", "sqrt", "square", "sign", "round")
keys = [("chains.unary", (("op", op), ("source", "f"), ("target", "f"), ("parameters", 0))) for op in names]
if len(sys.argv) > 1:
    sys.executable = sys.argv[1]
print(len(addresses(keys)), len(here))
"""


@pytest.mark.parametrize("interpreter", [None, "/no/python", "/no/server"])
def test_other_processes_help_to_compile(environment: Path, interpreter: str | None) -> None:
    arguments = [] if interpreter is None else [interpreter]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", COMPILE_TOGETHER, *arguments],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    loaded, here = map(int, done.stdout.split())
    assert loaded == len(kernels(environment)) == 8
    assert here < 8 if interpreter is None else here == 8
