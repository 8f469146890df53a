"""summary() against what Keras 3.15.1 prints for the same models."""

import io
import runpy
import sys
from pathlib import Path

import pytest

import kcompat
from kcompat.errors import ArgumentError

GOLDEN = Path(__file__).parent / "golden"
DIGITS = Path(__file__).resolve().parents[2] / "fixtures" / "digits"
MODELS = runpy.run_path(str(GOLDEN / "generate.py"))["MODELS"]


def model(name):
    build, _, options = MODELS[name]
    return build(kcompat), options


@pytest.mark.parametrize("name", MODELS)
def test_summary_is_that_of_keras(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(MODELS[name][1]))
    built, options = model(name)
    texts = []
    built.summary(print_fn=texts.append, **options)
    assert texts == [(GOLDEN / f"{name}.txt").read_text(encoding="utf-8")]


def test_summary_counts_the_optimizer_of_a_file():
    """The numbers that Keras 3.15.1 prints for this file."""
    texts = []
    kcompat.load_model(DIGITS / "digits_cnn.keras").summary(print_fn=texts.append)
    assert texts[0].splitlines()[-4:] == [
        " Total params: 68,864 (269.00 KB)",
        " Trainable params: 22,954 (89.66 KB)",
        " Non-trainable params: 0 (0.00 B)",
        " Optimizer params: 45,910 (179.34 KB)",
    ]


def test_summary_prints(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    assert model("mlp")[0].summary() is None
    assert capsys.readouterr().out == (GOLDEN / "mlp.txt").read_text(encoding="utf-8")


def test_summary_prints_where_the_encoding_has_no_borders(monkeypatch):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setenv("COLUMNS", "60")
    model("mlp")[0].summary()
    stdout.seek(0)
    assert stdout.read().splitlines()[1:4] == [
        "+------------------------+-----------------+-----------+",
        "| Layer (type)           | Output Shape    |   Param # |",
        "+------------------------+-----------------+-----------+",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"line_length": 12}, "column of width 3 is too narrow"),
        ({"layer_range": ("hidden",)}, "layer_range is two names"),
        ({"layer_range": ("hidden", "absent")}, "matches no layer of"),
    ],
)
def test_summary_refuses(options, message):
    with pytest.raises(ArgumentError, match=message):
        model("mlp")[0].summary(**options)
