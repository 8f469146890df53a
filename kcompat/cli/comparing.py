"""Options and output of the commands that compare two models."""

from __future__ import annotations

import argparse
from typing import Any

RUNTIMES = ("onnxruntime", "keras")


def add_arguments(parser: Any) -> None:
    parser.add_argument(
        "--inputs", metavar="FILE.npz", help="arrays by the first model's names of its inputs, or input_0, input_1, ..."
    )
    parser.add_argument(
        "--check-with", choices=RUNTIMES, action="append", default=[], help="ask this runtime too (may be repeated)"
    )
    add_tolerances(parser)


def add_tolerances(parser: Any) -> None:
    parser.add_argument("--rtol", type=float, default=1e-4, help="relative tolerance (default %(default)s)")
    parser.add_argument("--atol", type=float, default=1e-5, help="absolute tolerance (default %(default)s)")


def arguments(options: argparse.Namespace) -> dict[str, Any]:
    """The options as arguments of `converters.convert` and `converters.diff`."""
    from ..converters.files import load_npz

    return {
        "inputs": load_npz(options.inputs) if options.inputs else None,
        "check_with": options.check_with,
        "rtol": options.rtol,
        "atol": options.atol,
    }


def show(check: Any) -> None:
    """Print what a check has found, one output a line."""
    shapes = ", ".join(
        f"{name} {array.shape}{f' transposed by {check.moved[name]}' if name in check.moved else ''}"
        for name, array in check.inputs.items()
    )
    print(f"{check.second} against {check.first}, on {shapes}:")
    for output in check.outputs:
        print(f"  {output}")
