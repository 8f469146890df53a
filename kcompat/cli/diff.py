"""`kcompat diff`: whether two model files give the same outputs."""

from __future__ import annotations

import argparse

from . import comparing, custom, model_file

HELP = "compare the outputs of two model files"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", metavar="A", help="model file of any format")
    parser.add_argument("second", metavar="B", help="model file of any format")
    parser.add_argument("--weights-a", metavar="FILE", help="weights file, if A is an architecture in JSON")
    parser.add_argument("--weights-b", metavar="FILE", help="weights file, if B is one")
    model_file.add_loading_arguments(parser)
    custom.add_argument(parser)
    comparing.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Run two model files on the same inputs and compare: |b - a| <= atol + rtol * |a| for every element.

    Inputs are seeded, unless --inputs gives some. Exit status: 0 the same, 1 outputs differ, 2 wrong usage, 3 a
    file is refused.
    """
    from ..converters import diff

    checks = diff(
        options.first,
        options.second,
        weights=(options.weights_a, options.weights_b),
        original_backend=options.original_backend,
        external_data_dir=options.external_data_dir,
        custom_objects=custom.gather(options.custom),
        **comparing.arguments(options),
    )
    for check in checks:
        comparing.show(check)
    return 0 if all(check.same for check in checks) else 1
