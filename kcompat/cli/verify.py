"""`kcompat verify`: a model's outputs against stored ones."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import InputError
from ..tree import flatten, pack_like
from . import comparing, model_file

HELP = "compare a model's outputs with stored ones"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    model_file.add_arguments(parser)
    parser.add_argument(
        "reference", metavar="REFERENCE.npz", help="arrays input_0, output_0, ..., or named as in the model"
    )
    comparing.add_tolerances(parser)


def run(options: argparse.Namespace) -> int:
    """Run a model on stored inputs and compare its outputs with the stored ones: |a - b| <= atol + rtol * |b|.

    Exit status 1 if any differs.
    """
    from ..converters.comparison import compare
    from ..converters.files import load_npz

    model = model_file.load(options)
    arrays = load_npz(options.reference)
    inputs = _named(arrays, "input", model.input_names)
    names = model.output_names
    expected = _named(arrays, "output", names)
    actual = flatten(model.predict(pack_like(model.input_structure, inputs), verbose=0))
    alike = True
    for name, a, b in zip(names, actual, expected, strict=True):
        found = compare(a, b, options.rtol, options.atol)
        print(f"{name}: {found.text}")
        alike = alike and found.same
    return 0 if alike else 1


def _named(arrays: Mapping[str, np.ndarray], prefix: str, names: Sequence[str]) -> list[np.ndarray]:
    """The arrays called `input_0`, `input_1`, ..., or as the model names them, in its order."""
    numbered = [f"{prefix}_{index}" for index in range(len(names))]
    for keys in (numbered, names):
        if all(key in arrays for key in keys):
            return [arrays[key] for key in keys]
    raise InputError(f"the reference needs {', '.join(numbered)} or {', '.join(names)}; it has {', '.join(arrays)}")
