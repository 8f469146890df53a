"""JSON within bounds."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import pytest

from kcompat.converters.files import Limits, parse_json, read_json
from kcompat.errors import FormatError, UnsafeFileError


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "3",
        '"a"',
        "null",
        "-1.5e3",
        '{"a": {"a": [1, true, null, "]}{["]}}',
        '"\\"\\\\"',
        '"\\ud83d\\ude00"',
    ],
)
def test_equals_the_standard_parser(text: str) -> None:
    assert parse_json(text, "config") == parse_json(text.encode(), "config") == json.loads(text)


def test_numbers_that_keras_writes() -> None:
    values = parse_json("[NaN, Infinity, -Infinity, 1e400, 18446744073709551615]", "config")
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf, math.inf, 2**64 - 1]


def test_a_byte_order_mark() -> None:
    assert parse_json(b"\xef\xbb\xbf{}", "config") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON: Expecting value at line 1, column 1"),
        ("{'a': 1}", "line 1, column 2"),
        ('{"a": 1', "is not JSON"),
        ('{"a": 1}}', "Extra data"),
        ('"unterminated', "Unterminated string"),
        ('"ends in a backslash\\', "Unterminated string"),
        ("]" * 10, "is not JSON"),
        ('{"units": 1, "x": {"b": 1, "b": 1}}', "the key 'b' twice"),
        ('"\\ud800"', "half of a surrogate pair"),
        (b'"\xff"', "not UTF-8 at byte 1"),
        ("[1,\n2,,]", "line 2, column 3"),
    ],
)
def test_malformed_text(text: str | bytes, message: str) -> None:
    with pytest.raises(FormatError, match="config: ") as caught:
        parse_json(text, "config")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "limits", "message"),
    [
        ("[" * 401 + "]" * 401, Limits(), "json_depth = 400"),
        ('{"a":' * 100_000, Limits(), "json_depth = 400"),
        ("[" * 1_000_000, Limits(), "json_depth = 400"),
        ("9" * 42, Limits(), "an integer of 42 digits"),
        ("-" + "9" * 5000, Limits(), "an integer of 5001 digits"),
        ("[" + "[]," * 50 + "[]]", Limits(json_containers=50), "json_containers = 50"),
        ('"' + "x" * 100 + '"', Limits(json_bytes=100), "limits.json_bytes = 100"),
    ],
)
def test_bounds(text: str, limits: Limits, message: str) -> None:
    with pytest.raises(UnsafeFileError) as caught:
        parse_json(text, "config", limits)
    assert message in str(caught.value)


def test_depth_and_digits_at_the_bound() -> None:
    assert parse_json("[" * 400 + "]" * 400, "config")
    assert parse_json("-" + "9" * 40, "config") == -int("9" * 40)


@pytest.mark.parametrize(
    "text",
    ['"' + '\\"' * 500_000, '"' * 1_000_001, "\\" * 1_000_000, '{"a":"' + "\\" * 999_999, "0." + "1" * 1_000_000],
    ids=range(5),
)
def test_no_text_takes_more_than_linear_time(text: str) -> None:
    started = time.monotonic()
    if text.startswith("0."):
        assert parse_json(text, "config") == pytest.approx(1 / 9)
    else:
        with pytest.raises(FormatError):
            parse_json(text, "config")
    assert time.monotonic() - started < 2


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"a": [1]}')
    assert read_json(path) == {"a": [1]}
    with pytest.raises(UnsafeFileError, match=r"config\.json: JSON of 10 bytes"):
        read_json(path, Limits(json_bytes=9))
    with pytest.raises(FormatError, match="no such file"):
        read_json(tmp_path / "absent.json")
