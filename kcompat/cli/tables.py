"""Tables of numbers or words in text files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..ir import Value
from ..ir.types import is_float

_DELIMITERS = (",", ";", "\t")


def is_table(path: str) -> bool:
    """Whether the name says that it is text."""
    return Path(path).suffix.lower() in (".csv", ".tsv", ".txt")


def read(path: str, value: Value) -> np.ndarray:
    """One sample a row, shaped as the input if the row has as many entries.

    A first row in which nothing is a number is a heading. Raises InputError naming line and column.
    """
    rows = _rows(path)
    if value.dtype != "string":
        body = rows[1:] if not any(_is_number(text) for _, row in rows[:1] for text in row) else rows
        table = _numbers(path, body, value)
    else:
        table = np.array([row for _, row in rows], dtype=object)
    sizes = value.shape[1:]
    if all(isinstance(size, int) for size in sizes) and np.prod(sizes, dtype=int) == table.shape[1]:
        return table.reshape(len(table), *sizes)
    return table


def _rows(path: str) -> list[tuple[int, list[str]]]:
    """The lines that are not blank, split, with their numbers."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no text in UTF-8: {error}") from None
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(text.splitlines(), delimiter=delimiter)
    rows = [(reader.line_num, row) for row in reader if any(entry.strip() for entry in row)]
    if not rows:
        raise InputError(f"{path}: has no rows")
    for line, row in rows:
        if len(row) != len(rows[0][1]):
            raise InputError(f"{path}: line {line} has {len(row)} columns, the first has {len(rows[0][1])}")
    return rows


def _numbers(path: str, rows: list[tuple[int, list[str]]], value: Value) -> np.ndarray:
    if not rows:
        raise InputError(f"{path}: has a heading and no numbers")
    for line, row in rows:
        for column, text in enumerate(row, start=1):
            if not _is_number(text):
                raise InputError(f"{path}: line {line}, column {column} is {text!r}, a number was expected")
            if not is_float(value.dtype) and not float(text).is_integer():
                raise InputError(
                    f"{path}: line {line}, column {column} is {text}; input '{value.name}' takes {value.dtype}"
                )
    return np.array([[float(text) for text in row] for _, row in rows])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
