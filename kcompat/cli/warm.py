"""`kcompat warm`: kernels compiled ahead, for container images and first runs."""

from __future__ import annotations

import argparse

from ..executor import open_sizes_filled
from ..models import Model
from . import custom, model_file

HELP = "compile the kernels that models need, and keep them on disk"

BATCHES = (1, 32)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="+", metavar="MODEL", help="model: .keras, .h5, .onnx, a SavedModel folder")
    parser.add_argument(
        "--batch", type=int, action="append", metavar="N", help="rows to compile for; may be given again (1 and 32)"
    )
    model_file.add_loading_arguments(parser)
    custom.add_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Compile what each model needs for some numbers of rows."""
    options.weights = None
    for path in options.models:
        options.model = path
        count = warm(model_file.load(options), options.batch or BATCHES)
        print(f"{path}: {count} kernels are ready")
    return 0


def warm(model: Model, batches: tuple[int, ...]) -> int:
    """Compile a model's kernels; returns how many it uses."""
    kernels = set()
    for batch in batches:
        program = model.executor.prepare(open_sizes_filled(model.executor.graph, batch))
        kernels |= program.kernels() if program is not None else set()
    return len(kernels)
