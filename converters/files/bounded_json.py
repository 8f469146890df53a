"""JSON with bounds, for configs from files that nobody vouches for."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from kcompat.errors import FormatError, UnsafeFileError

from .limits import DEFAULT_LIMITS, Limits
from .source import PathLike, open_regular

# A whole string, even one that never ends, or one bracket. It never fails in a string, so never backtracks.
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(path: PathLike, limits: Limits = DEFAULT_LIMITS) -> Any:
    """Parses a JSON file; see `parse_json`."""
    file, size = open_regular(path)
    with file:
        _check_size(size, str(path), limits)
        return parse_json(file.read(limits.json_bytes + 1), str(path), limits)


def parse_json(text: str | bytes, where: str, limits: Limits = DEFAULT_LIMITS) -> Any:
    """Parses JSON (RFC 8259) and NaN, Infinity, -Infinity, which Keras writes. `where` names it in messages.

    Raises:
        FormatError: the text is not JSON, not UTF-8, or has an object with the same key twice.
        UnsafeFileError: it exceeds `limits` in size, depth, containers or digits of an integer.
    """
    _check_size(len(text), where, limits)
    decoded = _decoded(text, where)
    _check_nesting(decoded, where, limits)

    def integer(digits: str) -> int:
        if len(digits) > limits.json_int_digits + 1:
            raise UnsafeFileError(
                f"{where}: an integer of {len(digits)} digits ({digits[:20]}...), more than "
                f"limits.json_int_digits = {limits.json_int_digits}."
            )
        return int(digits)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise FormatError(f"{where}: an object has the key {twice!r} twice. It is ambiguous; save the file again.")
        return members

    try:
        value = json.loads(decoded, parse_int=integer, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise FormatError(
            f"{where}: is not JSON: {error.msg} at line {error.lineno}, column {error.colno}. The file is "
            "damaged, or is no JSON file; fetch or save it again."
        ) from None
    if _SURROGATE.search(decoded):
        _require_whole_characters(value, where)
    return value


def _check_size(size: int, where: str, limits: Limits) -> None:
    if size > limits.json_bytes:
        raise UnsafeFileError(
            f"{where}: JSON of {size} bytes, more than limits.json_bytes = {limits.json_bytes}. Raise the "
            "limit if you trust the file."
        )


def _decoded(text: str | bytes, where: str) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{where}: is not UTF-8 at byte {error.start}, which JSON must be. The file is damaged, or is no JSON file."
        ) from None


def _check_nesting(text: str, where: str, limits: Limits) -> None:
    """Bounds depth and number of containers before the recursive parser sees them."""
    depth = containers = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        match text[token.start()]:
            case "[" | "{":
                depth += 1
                containers += 1
            case "]" | "}":
                depth -= 1
        if depth > limits.json_depth or containers > limits.json_containers:
            raise UnsafeFileError(
                f"{where}: JSON nested {depth} deep with {containers} containers at character "
                f"{token.start()}, more than limits.json_depth = "
                f"{limits.json_depth} or json_containers = {limits.json_containers}."
            )


def _require_whole_characters(value: Any, where: str) -> None:
    """Half of a surrogate pair parses, but no such string can be printed or written again."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise FormatError(f"{where}: a string has half of a surrogate pair: {error.reason}.") from None
