"""The progress line of predict."""

import io
import re
import sys

import numpy as np
import pytest

from kcompat import Input, Sequential, layers, progress


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that advances by what its list says at every look."""
    times = iter(np.cumsum([0, 1.0, 0.2, 0.2, 0.2, 0.2, 0.2]))
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(times))


def predict(verbose, **options):
    model = Sequential([Input((2,)), layers.Flatten()])
    model.predict(np.zeros((5, 2)), batch_size=2, verbose=verbose, **options)


@pytest.mark.parametrize("verbose", ["auto", 1])
def test_one_line_where_nothing_can_be_rewritten(verbose, capsys, clock):
    predict(verbose)
    assert capsys.readouterr().out == "3/3 ━━━━━━━━━━━━━━━━━━━━ 2s 300ms/step\n"


def test_two_is_one_short_line(capsys, clock):
    predict(2)
    assert capsys.readouterr().out == "3/3 - 2s - 300ms/step\n"


def test_zero_is_silent(capsys):
    predict(0)
    assert capsys.readouterr().out == ""


def test_a_terminal_sees_the_bar_grow(monkeypatch, clock):
    monkeypatch.setattr(sys, "stdout", Terminal())
    predict(1)
    plain = re.sub("\x1b\\[\\d*m", "", sys.stdout.getvalue())
    assert [line.rstrip() for line in plain.split("\r")] == [
        "",
        "1/3 ━━━━━━━━━━━━━━━━━━━━ 2s 1s/step",
        "2/3 ━━━━━━━━━━━━━━━━━━━━ 0s 200ms/step",
        "3/3 ━━━━━━━━━━━━━━━━━━━━ 0s 200ms/step",
        "3/3 ━━━━━━━━━━━━━━━━━━━━ 2s 300ms/step",
    ]
    done = [len(bar) for bar in re.findall("\x1b\\[32m(━*)", sys.stdout.getvalue())]
    assert done == [6, 13, 20, 20]


def test_an_unknown_number_of_steps(monkeypatch, clock):
    monkeypatch.setattr(sys, "stdout", Terminal())
    model = Sequential([Input((2,)), layers.Flatten()])
    model.predict(iter([np.zeros((1, 2))] * 2))
    plain = re.sub("\x1b\\[\\d*m", "", sys.stdout.getvalue())
    assert [line.rstrip() for line in plain.split("\r")] == [
        "",
        "      1/Unknown 1s 1s/step",
        "      2/Unknown 1s 200ms/step",
        "2/2 ━━━━━━━━━━━━━━━━━━━━ 1s 400ms/step",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(59.9, "59s"), (61, "1:01"), (3599, "59:59"), (3661, "1:01:01"), (0.4, "0s")]
)
def test_time_left(seconds, text):
    assert progress._clock(seconds) == text


def test_an_encoding_without_the_bar(monkeypatch):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stdout)
    predict(1)
    stdout.seek(0)
    assert stdout.read().startswith("3/3 ==================== ")
