"""Conversion of one model file to another format, with proof."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kcompat.errors import ArgumentError, DifferenceError, SaveError
from kcompat.models import Model

from .checking import Check, check
from .comparison import ATOL, RTOL
from .file_info import describe
from .files import replacing_file
from .opening import open_model, weights_beside
from .runtimes import WRITTEN_FORMATS, can_read, witness
from .side import side_of
from .targets import Options, Target, check_options, origin_note, target_for

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Conversion:
    """What was written, and the proof: the checks of the written file, none if none was asked for."""

    source: Path
    files: list[Path]
    target: str
    checks: list[Check]


def convert(
    src: Any,
    dst: Any,
    *,
    to: str | None = None,
    weights: Any = None,
    original_backend: str | None = None,
    image_dim_ordering: str | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    external_data_dir: Any = None,
    inputs: Mapping[str, np.ndarray] | None = None,
    verify: bool = True,
    check_with: Sequence[str] = (),
    rtol: float = RTOL,
    atol: float = ATOL,
    opset: int | None = None,
    inputs_as_nchw: bool = False,
    fold_batch_norm: bool = False,
    form: str = "keras3",
    input_shapes: Mapping[str, Sequence[int | None]] | None = None,
    overwrite: bool = True,
    progress: Progress | None = None,
) -> Conversion:
    """Convert a model file of any format that kcompat reads to `.keras`, `.h5`, `.onnx` or JSON and weights.

    What was written is read again and run on the same inputs as the original; only if its outputs are within
    |b - a| <= atol + rtol * |a| does it take the place of `dst`.

    to: "keras", "h5", "onnx" or "json"; by default the ending of `dst` decides. weights: for a source in JSON.
    original_backend, image_dim_ordering, custom_objects, external_data_dir: as for `kcompat.load_model`.
    inputs: arrays by the names of the source's inputs (or input_0, ...) to check on; seeded ones by default.
    verify: False leaves out the check. check_with: runtimes that must agree too, of "onnxruntime", "keras".
    opset, inputs_as_nchw, fold_batch_norm: see `converters.onnx.save_model`; for ONNX.
    form: "keras3" or "keras2"; for HDF5. input_shapes: see `converters.onnx.to_keras`; for a source in ONNX.
    progress: is told what is done next.
    Raises LoadError, SaveError, DifferenceError, ArgumentError; in each case nothing is written.
    """
    options = Options(opset, inputs_as_nchw, fold_batch_norm, form, input_shapes)
    target = target_for(dst, to)
    check_options(target, options)
    _check_arguments(src, dst, overwrite)
    _check_runtimes(check_with, target)
    tell = progress or (lambda text: None)
    tell(f"reading {src}")
    model = open_model(
        src,
        weights=weights,
        custom_objects=custom_objects,
        original_backend=original_backend,
        image_dim_ordering=image_dim_ordering,
        external_data_dir=external_data_dir,
    )
    check_options(target, options, model)
    with _staging(dst) as staged:
        tell(f"writing {target.ending}")
        interface = target.write(model, staged, origin_note(src, _in_words(src)), options)
        prove = partial(check, inputs=inputs, rtol=rtol, atol=atol, interface=interface)
        checks = _checks(model, src, staged, custom_objects, check_with, prove, tell) if verify else []
        files = _publish(staged, Path(dst))
    return Conversion(Path(src), files, target.name, checks)


def _check_runtimes(check_with: Sequence[str], target: Target) -> None:
    for name in check_with:
        if name not in WRITTEN_FORMATS:
            raise ArgumentError(f"check_with: {name!r} is none of {', '.join(WRITTEN_FORMATS)}")
        if target.name not in WRITTEN_FORMATS[name]:
            raise ArgumentError(f"check_with: {name} does not read {target.ending} files")


def _check_arguments(src: Any, dst: Any, overwrite: bool) -> None:
    if os.path.exists(dst):
        if os.path.isdir(dst):
            raise SaveError(f"{dst}: is a folder; pass the path of a file")
        if os.path.samefile(src, dst):
            raise ArgumentError(f"{dst}: is the source itself; pass another path")
        if not overwrite:
            raise SaveError(f"{dst}: exists; pass overwrite=True to replace it")


def _in_words(src: Any) -> str:
    info = describe(src)
    return f"{info.format}, Keras {info.keras_version}" if info.keras_version else info.format


@contextmanager
def _staging(dst: Any) -> Iterator[Path]:
    """A path of the same name in a temporary folder beside `dst`."""
    target = Path(os.path.realpath(dst))
    try:
        with tempfile.TemporaryDirectory(prefix=".kcompat-", dir=target.parent) as folder:
            yield Path(folder) / target.name
    except OSError as error:
        raise SaveError(f"{dst}: cannot be written: {error}") from error


def _checks(
    model: Model,
    src: Any,
    staged: Path,
    custom_objects: Mapping[str, Any] | None,
    check_with: Sequence[str],
    prove: Callable[..., Check],
    tell: Progress,
) -> list[Check]:
    """The written file, and the runtimes that read it, against the original. Raises DifferenceError."""
    tell("checking the written file")
    again = open_model(staged, weights=weights_beside(staged), custom_objects=custom_objects, compile=False)
    first, second = side_of(model, str(src)), side_of(again, staged.name)
    checks = [prove(first, second)]
    for runtime in check_with:
        tell(f"checking with {runtime}")
        checks.append(prove(first, witness(runtime, staged, second), inputs=checks[0].inputs))
    for found in checks:
        if not found.same:
            raise DifferenceError(f"{found.second} differs from {src}; nothing was written\n{found}", found)
    return checks


def _publish(staged: Path, dst: Path) -> list[Path]:
    """Give the staged files their names beside `dst`, the main one last."""
    beside = sorted(path for path in staged.parent.iterdir() if path != staged)
    folder = Path(os.path.realpath(dst)).parent
    for path, place in [*((path, folder / path.name) for path in beside), (staged, dst)]:
        with replacing_file(place) as temporary:
            os.replace(path, temporary)
    return [dst, *(folder / path.name for path in beside)]


def diff(
    first: Any,
    second: Any,
    *,
    inputs: Mapping[str, np.ndarray] | None = None,
    check_with: Sequence[str] = (),
    rtol: float = RTOL,
    atol: float = ATOL,
    weights: tuple[Any, Any] = (None, None),
    **options: Any,
) -> list[Check]:
    """Compare the outputs of two model files on the same inputs: the first check is of kcompat's own answers.

    check_with: runtimes that are asked too; each runs those of the two files that it reads, against kcompat's
    answers for the first. weights: for files in JSON. options: as for `kcompat.load_model`, for both.
    Raises LoadError, InputError where the interfaces cannot be paired, ArgumentError.
    """
    models = [
        open_model(path, weights=file, compile=False, **options)
        for path, file in zip((first, second), weights, strict=True)
    ]
    sides = [side_of(model, str(path)) for model, path in zip(models, (first, second), strict=True)]
    checks = [check(sides[0], sides[1], inputs, rtol=rtol, atol=atol)]
    for runtime in check_with:
        readable = [(path, side) for path, side in zip((first, second), sides, strict=True) if can_read(runtime, path)]
        if not readable:
            raise ArgumentError(f"check_with: {runtime} reads neither {first} nor {second}")
        others = [witness(runtime, path, side) for path, side in readable]
        checks += [check(sides[0], other, checks[0].inputs, rtol=rtol, atol=atol) for other in others]
    return checks
