"""The model that a command works on."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import FormatError
from ..models import Model, load_model, model_from_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="model file: .keras, .h5, or an architecture in .json")
    parser.add_argument("--weights", metavar="FILE", help="weights file, for an architecture in JSON")
    parser.add_argument(
        "--original-backend",
        choices=("tensorflow", "theano"),
        help="what trained a Keras 1 model; its file does not say",
    )


def load(options: argparse.Namespace, weights_needed: bool = True) -> Model:
    """The model of the options, with its weights. Raises LoadError."""
    if not _is_json(options.model):
        model = load_model(options.model, original_backend=options.original_backend)
    elif options.weights or not weights_needed:
        model = model_from_json(Path(options.model).read_text(encoding="utf-8"))
    else:
        raise FormatError(f"{options.model}: is an architecture without weights; pass --weights FILE")
    if options.weights:
        model.load_weights(options.weights, original_backend=options.original_backend)
    return model


def _is_json(path: str) -> bool:
    from ..converters.files import FileKind, sniff

    return sniff(path) is FileKind.JSON
