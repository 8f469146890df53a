"""Files as a model's inputs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ..errors import ArgumentError, InputError
from ..ir import Value
from ..ir.types import fits
from . import images, tables


def gather(inputs: Sequence[Value], files: Sequence[str], scale: str | None) -> list[np.ndarray]:
    """One array for each input, from files in the inputs' order or as NAME=FILE.

    Several files for one input are put one after another. scale: of the pixels of images.
    Raises InputError naming file and input, ArgumentError where files do not match the inputs.
    """
    by_name = {value.name: value for value in inputs}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in by_name}
    pairs = list(_assign(by_name, files))
    if scale and not any(_is_picture(path) for _, path in pairs):
        raise ArgumentError("--scale is for images; no input is one")
    for value, path in pairs:
        for name, array in _read(path, value, by_name, scale).items():
            parts[name].append(_as_samples(array, by_name[name], path))
    for name, arrays in parts.items():
        if not arrays:
            raise ArgumentError(f"--input: no file for '{name}'; the model's inputs are {', '.join(parts)}")
    return [_joined(arrays, name) for name, arrays in parts.items()]


def note(text: str) -> None:
    """Tell what was done to an input, on stderr."""
    print(f"note: {text}", file=sys.stderr)


def _assign(by_name: Mapping[str, Value], files: Sequence[str]) -> Iterator[tuple[Value, str]]:
    """Each file with its input: the one it names, the only one, or the next."""
    values, place = list(by_name.values()), 0
    for file in files:
        name, equals, path = file.partition("=")
        if equals and name in by_name:
            yield by_name[name], path
        elif len(values) == 1:
            yield values[0], file
        elif place < len(values):
            yield values[place], file
            place += 1
        else:
            raise ArgumentError(f"--input: {len(files)} files for {len(values)} inputs; for samples write NAME=FILE")


def _read(path: str, value: Value, by_name: Mapping[str, Value], scale: str | None) -> dict[str, np.ndarray]:
    """The arrays of a file by the names of inputs."""
    if _starts_with(path, b"PK\x03\x04"):
        return _read_npz(path, value, by_name)
    if _starts_with(path, b"\x93NUMPY"):
        return {value.name: _read_npy(path)}
    if tables.is_table(path):
        return {value.name: tables.read(path, value)}
    return {value.name: images.read(path, value, scale or images.SCALES[0], note)}


def _is_picture(path: str) -> bool:
    return not (_starts_with(path, b"PK\x03\x04") or _starts_with(path, b"\x93NUMPY") or tables.is_table(path))


def _starts_with(path: str, magic: bytes) -> bool:
    with open(path, "rb") as file:
        return file.read(len(magic)) == magic


def _read_npy(path: str) -> np.ndarray:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (ValueError, EOFError) as error:
        raise InputError(f"{path}: is no .npy array that can be read: {error}") from None


def _read_npz(path: str, value: Value, by_name: Mapping[str, Value]) -> dict[str, np.ndarray]:
    from ..converters.files import load_npz

    arrays = load_npz(path)
    numbered = {f"input_{index}": name for index, name in enumerate(by_name)}
    for names in ({name: name for name in by_name}, numbered):
        if names.keys() <= arrays.keys():
            return {name: arrays[key] for key, name in names.items()}
    if len(arrays) == 1:
        return {value.name: next(iter(arrays.values()))}
    raise InputError(f"{path}: has {', '.join(arrays)}; expected {', '.join(by_name)} or {', '.join(numbered)}")


def _as_samples(array: np.ndarray, value: Value, path: str) -> np.ndarray:
    """The array with the axes that one sample, or one channel, lacks."""
    wanted = (None, *value.shape[1:])
    for candidate in (array, array[..., None]):
        if fits(candidate.shape, wanted):
            return array
    for candidate in (array[None], array[None, ..., None]):
        if fits(candidate.shape, wanted):
            note(f"{path}: shape {array.shape} is taken as one sample of input '{value.name}'")
            return array[None]
    shape = tuple(dim if isinstance(dim, int) else None for dim in value.shape)
    raise InputError(f"{path}: has shape {array.shape}, input '{value.name}' takes {shape}")


def _joined(arrays: list[np.ndarray], name: str) -> np.ndarray:
    try:
        return np.concatenate(arrays)
    except ValueError:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise InputError(f"the files for input '{name}' have shapes {shapes}, which cannot be put together") from None
