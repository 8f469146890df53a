"""Conversion of all models in a folder, with a report."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kcompat.errors import DifferenceError, KcompatError, SaveError

from .conversion import Progress, convert
from .files import FileKind, open_hdf5, sniff
from .opening import weights_beside
from .targets import TARGETS

CONVERTED, DIFFERS, REFUSED = "converted", "differs", "refused"


@dataclass(frozen=True)
class Outcome:
    """What became of one model. source, target: paths below the two folders. difference: the largest absolute one."""

    source: str
    target: str
    status: str
    seconds: float
    difference: float | None = None
    message: str = ""


def convert_folder(
    src: Any, dst: Any, *, to: str, overwrite: bool = True, progress: Progress | None = None, **options: Any
) -> list[Outcome]:
    """Convert every model below a folder into another folder, which gets the same structure.

    Architectures in JSON are taken with the weights that lie beside them under the same name; files that hold
    weights alone are passed over. options: those of `convert`. What goes wrong with one model is in its outcome
    and stops no other. Raises SaveError if `dst` cannot be made or two models would become the same file.
    """
    target, root, goal = TARGETS[to], Path(src), Path(dst)
    sources = list(find_models(root))
    names = _names(sources, root, target.ending)
    outcomes = []
    for number, ((source, weights), name) in enumerate(zip(sources, names, strict=True), 1):
        if progress:
            progress(f"[{number}/{len(sources)}] {source.relative_to(root)}")
        outcomes.append(_convert_one(source, weights, root, goal / name, name, to, overwrite, options))
    return outcomes


def find_models(folder: Path) -> Iterator[tuple[Path, Path | None]]:
    """Every model below a folder in the order of their paths, with the file of its weights where they are apart."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in list(folders):
            if sniff(Path(place, name)) in (FileKind.SAVEDMODEL_DIR, FileKind.KERAS_DIR):
                folders.remove(name)
                yield Path(place, name), None
        for name in sorted(files):
            path = Path(place, name)
            kind = sniff(path) if path.is_file() else None
            if kind is FileKind.JSON:
                weights = weights_beside(path)
                if weights is not None:
                    yield path, weights
            elif kind in (FileKind.KERAS_ZIP, FileKind.ONNX) or (kind is FileKind.HDF5 and _has_architecture(path)):
                yield path, None


def _has_architecture(path: Path) -> bool:
    """A file that cannot be read is no less to be reported than one that can."""
    try:
        with open_hdf5(path) as root:
            return "model_config" in root.attrs
    except KcompatError:
        return True


def _names(sources: list[tuple[Path, Path | None]], root: Path, ending: str) -> list[Path]:
    """Paths below the target folder; where only endings tell sources apart, they stay in the names."""
    plain = [source.relative_to(root).with_suffix(ending) for source, _ in sources]
    return [
        name if plain.count(name) == 1 else source.relative_to(root).with_name(source.name + ending)
        for name, (source, _) in zip(plain, sources, strict=True)
    ]


def _convert_one(
    source: Path,
    weights: Path | None,
    root: Path,
    goal: Path,
    name: Path,
    to: str,
    overwrite: bool,
    options: dict[str, Any],
) -> Outcome:
    started = time.perf_counter()

    def outcome(status: str, difference: float | None = None, message: str = "") -> Outcome:
        seconds = round(time.perf_counter() - started, 3)
        return Outcome(source.relative_to(root).as_posix(), name.as_posix(), status, seconds, difference, message)

    try:
        _make_folder(goal.parent)
        found = convert(source, goal, to=to, weights=weights, overwrite=overwrite, **options)
    except DifferenceError as error:
        return outcome(DIFFERS, getattr(error.check, "absolute", None), str(error))
    except KcompatError as error:
        return outcome(REFUSED, message=str(error))
    return outcome(CONVERTED, max((check.absolute for check in found.checks), default=None))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveError(f"{folder}: cannot be made: {error}") from error


def report_json(outcomes: list[Outcome]) -> str:
    """The outcomes as a JSON document: how many of each status, then one object per model."""
    counts = {status: sum(o.status == status for o in outcomes) for status in (CONVERTED, DIFFERS, REFUSED)}
    return json.dumps({"counts": counts, "models": [asdict(o) for o in outcomes]}, indent=2) + "\n"


def report_markdown(outcomes: list[Outcome]) -> str:
    """The outcomes as a table in Markdown."""
    counts = [f"{sum(o.status == status for o in outcomes)} {status}" for status in (CONVERTED, DIFFERS, REFUSED)]
    rows = [
        f"| {_cell(o.source)} | {_cell(o.target)} | {o.status} | "
        f"{'' if o.difference is None else format(o.difference, '.3g')} | {o.seconds:.2f} | {_cell(o.message)} |"
        for o in outcomes
    ]
    head = ["| source | target | status | largest difference | seconds | message |", "|---|---|---|---|---|---|"]
    return "\n".join([f"{len(outcomes)} models: {', '.join(counts)}", "", *head, *rows]) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
