"""`kcompat run`: predictions for files."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ..errors import ArgumentError
from ..models import Model
from ..tree import flatten, pack_like
from . import model_file
from .images import SCALES
from .inputs import gather
from .predictions import describe

HELP = "predict for arrays, tables and images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    model_file.add_arguments(parser)
    parser.add_argument(
        "--input",
        nargs="+",
        action="extend",
        required=True,
        metavar="FILE",
        help=".npy, .npz, .csv or an image; several inputs in the model's order or as NAME=FILE; "
        "several files for one input are several samples",
    )
    parser.add_argument("--output", metavar="FILE", help="also write the outputs: .npy, .npz or .csv")
    parser.add_argument("--top", type=int, default=5, metavar="K", help="classes to show (default %(default)s)")
    parser.add_argument("--labels", metavar="FILE", help="names of the classes, one a line")
    parser.add_argument(
        "--scale", choices=SCALES, help="values of image pixels as the model was trained on them (default 0..255)"
    )


def run(options: argparse.Namespace) -> int:
    """Print what a model predicts for files, the likeliest classes first where the outputs are probabilities."""
    if options.top < 1:
        raise ArgumentError(f"--top must be at least 1, received {options.top}")
    model = model_file.load(options)
    labels = _labels(options.labels)
    inputs = gather(model.executor.graph.inputs, options.input, options.scale)
    outputs = flatten(model.predict(pack_like(model.input_structure, inputs), verbose=0))
    named = dict(zip(_distinct(model), outputs, strict=True))
    if options.output:
        _write(Path(options.output), named)
    print(describe(named, labels, options.top))
    return 0


def _labels(path: str | None) -> list[str] | None:
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ArgumentError(f"{path}: is no text in UTF-8: {error}") from None


def _distinct(model: Model) -> list[str]:
    """A name for every output; a layer with several gives them a number."""
    names = model.output_names
    return names if len(set(names)) == len(names) else [f"output_{index}" for index in range(len(names))]


def _write(path: Path, outputs: dict[str, np.ndarray]) -> None:
    from ..converters.files import replacing_file

    form, arrays = path.suffix.lower(), list(outputs.values())
    if form not in (".npy", ".npz", ".csv"):
        raise ArgumentError(f"--output {path}: the name must end in .npy, .npz or .csv")
    if form != ".npz" and len(outputs) > 1:
        raise ArgumentError(f"--output {path}: the model has {len(outputs)} outputs; use a name that ends in .npz")
    if form == ".csv" and arrays[0].ndim > 2:
        raise ArgumentError(f"--output {path}: an output of shape {arrays[0].shape} is no table; use .npy")
    with replacing_file(path) as temporary, open(temporary, "wb") as file:
        if form == ".npz":
            np.savez(file, **outputs)  # type: ignore[arg-type]  # a name is no option of savez
        elif form == ".npy":
            np.save(file, arrays[0], allow_pickle=False)
        else:
            np.savetxt(file, arrays[0], delimiter=",", fmt="%.9g")
