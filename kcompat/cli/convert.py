"""`kcompat convert`: a model, or a folder of them, in another format."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..errors import ArgumentError
from . import comparing, custom, model_file

HELP = "convert a model file, or a folder of them, and prove the result"

FORMATS = ("keras", "h5", "onnx", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SRC", help="model file, SavedModel folder, or a folder of models")
    parser.add_argument("target", metavar="DST", help="file to write; for a folder of models, the folder")
    parser.add_argument("--to", choices=FORMATS, help="what to write; by default the ending of DST decides")
    model_file.add_reading_arguments(parser)
    custom.add_argument(parser)
    proof = parser.add_argument_group("proof")
    comparing.add_arguments(proof)
    proof.add_argument("--no-check", action="store_true", help="write without comparing the outputs")
    writing = parser.add_argument_group("writing")
    writing.add_argument("--opset", type=int, metavar="N", help="version of the ONNX operators")
    writing.add_argument(
        "--inputs-as-nchw",
        action="store_true",
        help="between Keras and ONNX: images enter and leave with their channels first",
    )
    writing.add_argument("--fold-batch-norm", action="store_true", help="ONNX: into the weights before it")
    writing.add_argument("--form", choices=("keras3", "keras2"), default="keras3", help="HDF5: who is to load it")
    writing.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar="NAME=1,3,224,224",
        help="of an input of an ONNX model, where the file leaves sizes open; ? for one that stays open",
    )
    writing.add_argument("--keep", action="store_true", help="refuse where DST exists")
    writing.add_argument("--report", metavar="FILE", help="folder of models: what became of each, as .md or .json")
    writing.add_argument("--quiet", action="store_true", help="no progress on stderr")


def run(options: argparse.Namespace) -> int:
    """Convert a model file between all formats, and compare the outputs of what was written with the original's.

    Nothing is written if the conversion is refused or the outputs differ. Exit status: 0 converted, 1 outputs
    differ, 2 wrong usage, 3 refused; for a folder, 1 if any differs, else 3 if any is refused.
    """
    arguments = _arguments(options)
    return _folder(options, arguments) if _is_folder(options.source) else _file(options, arguments)


def _arguments(options: argparse.Namespace) -> dict[str, Any]:
    if options.no_check and (options.inputs or options.check_with):
        raise ArgumentError("--no-check goes with neither --inputs nor --check-with")
    return {
        "to": options.to,
        "original_backend": options.original_backend,
        "external_data_dir": options.external_data_dir,
        "custom_objects": custom.gather(options.custom),
        "verify": not options.no_check,
        **comparing.arguments(options),
        "opset": options.opset,
        "inputs_as_nchw": options.inputs_as_nchw,
        "fold_batch_norm": options.fold_batch_norm,
        "form": options.form,
        "input_shapes": dict(map(_shape, options.shape)) or None,
        "overwrite": not options.keep,
        "progress": None if options.quiet else lambda text: print(text, file=sys.stderr, flush=True),
    }


def _shape(text: str) -> tuple[str, list[int | None]]:
    name, _, sizes = text.rpartition("=")
    try:
        return name, [None if size.strip() == "?" else int(size) for size in sizes.split(",")]
    except ValueError:
        raise ArgumentError(f"--shape: NAME=1,3,224,224 is expected, received {text!r}") from None


def _is_folder(path: str) -> bool:
    from ..converters.files import FileKind, sniff

    return Path(path).is_dir() and sniff(path) is FileKind.DIRECTORY


def _file(options: argparse.Namespace, arguments: dict[str, Any]) -> int:
    from ..converters import convert

    if options.report:
        raise ArgumentError("--report is for a folder of models")
    found = convert(options.source, options.target, weights=options.weights, **arguments)
    for check in found.checks:
        comparing.show(check)
    print(f"written: {', '.join(map(str, found.files))}{'' if found.checks else ' (not checked)'}")
    return 0


def _folder(options: argparse.Namespace, arguments: dict[str, Any]) -> int:
    from ..converters.batch import DIFFERS, REFUSED, convert_folder, report_json, report_markdown

    if options.to is None or options.weights or options.inputs:
        raise ArgumentError("for a folder of models --to is needed, and --weights and --inputs have no meaning")
    if options.report and not options.report.endswith((".md", ".json")):
        raise ArgumentError(f"--report {options.report}: the name must end in .md or .json")
    outcomes = convert_folder(options.source, options.target, **arguments)
    if not outcomes:
        raise ArgumentError(f"{options.source}: there is no model in this folder")
    if options.report:
        text = report_json(outcomes) if options.report.endswith(".json") else report_markdown(outcomes)
        Path(options.report).write_text(text, encoding="utf-8")
    for outcome in outcomes:
        first = outcome.message.partition("\n")[0]
        print(f"{outcome.status}: {outcome.source}{f': {first}' if first else f' -> {outcome.target}'}")
    statuses = {outcome.status for outcome in outcomes}
    return 1 if DIFFERS in statuses else 3 if REFUSED in statuses else 0
