"""The model that a command works on."""

from __future__ import annotations

import argparse

from ..models import Model
from . import custom


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", metavar="MODEL", help="model: .keras, .h5, .onnx, a SavedModel folder, or an architecture in .json"
    )
    add_reading_arguments(parser)
    custom.add_argument(parser)


def add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--weights", metavar="FILE", help="weights file, for an architecture in JSON")
    add_loading_arguments(parser)


def add_loading_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--original-backend",
        choices=("tensorflow", "theano"),
        help="what trained a Keras 1 model; its file does not say",
    )
    parser.add_argument("--external-data-dir", metavar="FOLDER", help="where an ONNX file's external data lies")


def load(options: argparse.Namespace, weights_needed: bool = True) -> Model:
    """The model of the options, with its weights. Raises LoadError."""
    from ..converters.opening import open_model

    return open_model(
        options.model,
        weights=options.weights,
        weights_needed=weights_needed,
        original_backend=options.original_backend,
        external_data_dir=options.external_data_dir,
        custom_objects=custom.gather(options.custom),
    )
