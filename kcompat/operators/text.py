"""Texts taken apart into tokens."""

from __future__ import annotations

import string
from itertools import chain
from typing import Any

import numpy as np

from ..errors import DtypeError, ShapeError
from ..ir.operator import Bool, Int, Ints, not_differentiable, one_of, operator
from ..ir.types import TensorType, shape_text
from .strings import as_bytes

_PUNCTUATION = string.punctuation.encode()


def standardized(text: bytes, *, lower: bool, strip: bool) -> bytes:
    """Text with ASCII letters made small and ASCII punctuation taken out; TensorFlow leaves all others as they are."""
    text = text.lower() if lower else text
    return text.translate(None, _PUNCTUATION) if strip else text


def split(text: bytes, by: str) -> list[bytes]:
    """The words between ASCII whitespace, or the characters of UTF-8."""
    if by == "whitespace":
        return text.split()
    return [character.encode() for character in text.decode("utf-8", "replace")]


def runs_of(tokens: list[bytes], widths: tuple[int, ...]) -> list[bytes]:
    """All runs of so many tokens, joined by spaces, one width after the other; the tokens without widths."""
    runs = ((tokens[i : i + width] for i in range(len(tokens) - width + 1)) for width in widths)
    return [b" ".join(run) for run in chain.from_iterable(runs)] if widths else tokens


def _tokenize_type(x: TensorType, *, by: str, ngrams: tuple[int, ...], length: int, **_: object) -> TensorType:
    if x.dtype != "string":
        raise DtypeError(f"tokenize: needs strings, received {x.dtype}")
    if x.rank != (2 if by == "nothing" else 1) or length < 0 or min(ngrams, default=1) < 1:
        raise ShapeError(
            f"tokenize: x {shape_text(x.shape)} must be texts (batch,), or tokens (batch, n) to split by 'nothing'; "
            f"length={length} not negative, and ngrams={ngrams} positive"
        )
    whole = x.shape[1] if by == "nothing" and not ngrams else None
    return x.with_shape((x.shape[0], length or whole))


def _tokenize(x: np.ndarray, *, lower: bool, strip: bool, by: str, ngrams: tuple[int, ...], length: int) -> np.ndarray:
    rows = [tokens_of(row, lower=lower, strip=strip, by=by, widths=ngrams) for row in x]
    size = length or max(map(len, rows), default=0)
    result = np.full((len(rows), size), b"", object)
    for row, tokens in zip(result, rows, strict=True):
        kept = tokens[:size]
        row[: len(kept)] = kept
    return result


def tokens_of(row: Any, *, lower: bool, strip: bool, by: str, widths: tuple[int, ...]) -> list[bytes]:
    """The tokens of one text, or of one list of tokens if it is to be split by "nothing"."""
    texts = row if by == "nothing" else [row]
    clean = [standardized(as_bytes(text), lower=lower, strip=strip) for text in texts]
    return runs_of(clean if by == "nothing" else split(clean[0], by), widths)


tokenize = operator(
    "tokenize",
    "x",
    attrs={
        "lower": Bool(False),
        "strip": Bool(False),
        "by": one_of("whitespace", "character", "nothing"),
        "ngrams": Ints(()),
        "length": Int(0),
    },
    infer=_tokenize_type,
    meaning=_tokenize,
    gradient=not_differentiable,
)
"""The tokens of each text, (batch,) -> (batch, length), cut off there or filled with empty strings.

by "nothing": of tokens (batch, n). Without `length` it is the greatest number of tokens. lower, strip: make
ASCII letters small, take ASCII punctuation out. ngrams: runs of so many tokens instead of them.
As tf.strings.lower, regex_replace, split, unicode_split and ngrams.
"""
