"""`kcompat verify`: a model's outputs against stored ones."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import InputError
from ..tree import flatten, pack_like
from . import model_file

HELP = "compare a model's outputs with stored ones"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    model_file.add_arguments(parser)
    parser.add_argument(
        "reference", metavar="REFERENCE.npz", help="arrays input_0, output_0, ..., or named as in the model"
    )
    parser.add_argument("--rtol", type=float, default=1e-4, help="relative tolerance (default %(default)s)")
    parser.add_argument("--atol", type=float, default=1e-5, help="absolute tolerance (default %(default)s)")


def run(options: argparse.Namespace) -> int:
    """Run a model on stored inputs and compare its outputs with the stored ones: |a - b| <= atol + rtol * |b|.

    Exit status 1 if any differs.
    """
    from ..converters.files import load_npz

    model = model_file.load(options)
    arrays = load_npz(options.reference)
    inputs = _named(arrays, "input", model.input_names)
    names = model.output_names
    expected = _named(arrays, "output", names)
    actual = flatten(model.predict(pack_like(model.input_structure, inputs), verbose=0))
    alike = True
    for name, a, b in zip(names, actual, expected, strict=True):
        same, text = compare(a, b, options.rtol, options.atol)
        print(f"{name}: {text}")
        alike = alike and same
    return 0 if alike else 1


def compare(actual: np.ndarray, expected: np.ndarray, rtol: float, atol: float) -> tuple[bool, str]:
    """Whether two arrays agree, NaN with NaN, and the largest differences in words."""
    if actual.shape != expected.shape:
        return False, f"DIFFERS, shape {actual.shape}, expected {expected.shape}"
    if expected.dtype.kind not in "biuf" or actual.dtype.kind not in "biuf":
        return _compare_equal(actual, expected)
    a, b = actual.astype(np.float64), expected.astype(np.float64)
    same = np.isclose(a, b, rtol, atol, equal_nan=True)
    with np.errstate(all="ignore"):
        absolute = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
        relative = np.where(absolute == 0, 0.0, absolute / np.abs(b))
    text = f"largest difference {_largest(absolute):.3g} absolute, {_largest(relative):.3g} relative"
    if same.all():
        return True, f"ok, {text}"
    return False, f"DIFFERS, {text}, {_first(actual, expected, same)}"


def _compare_equal(actual: np.ndarray, expected: np.ndarray) -> tuple[bool, str]:
    same = np.asarray(actual.astype(str) == expected.astype(str))
    return (True, "ok, equal") if same.all() else (False, f"DIFFERS, {_first(actual, expected, same)}")


def _first(actual: np.ndarray, expected: np.ndarray, same: np.ndarray) -> str:
    place, count = tuple(map(int, np.argwhere(~same)[0])), np.count_nonzero(~same)
    return f"{count} of {same.size} values, first at {place}: {actual[place]}, expected {expected[place]}"


def _largest(differences: np.ndarray) -> float:
    """NaN, which stands for a NaN on one side only, is the largest of all."""
    return float(differences.max(initial=0.0))


def _named(arrays: Mapping[str, np.ndarray], prefix: str, names: Sequence[str]) -> list[np.ndarray]:
    """The arrays called `input_0`, `input_1`, ..., or as the model names them, in its order."""
    numbered = [f"{prefix}_{index}" for index in range(len(names))]
    for keys in (numbered, names):
        if all(key in arrays for key in keys):
            return [arrays[key] for key in keys]
    raise InputError(f"the reference needs {', '.join(numbered)} or {', '.join(names)}; it has {', '.join(arrays)}")
