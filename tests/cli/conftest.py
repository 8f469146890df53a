"""Runs the command in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kcompat.cli import main

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"

Kcompat = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kcompat(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Kcompat:
    """`kcompat("show", path)` -> exit status, stdout, stderr."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as exit:
            status = int(exit.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, without_compilation(captured.err)

    return run


def without_compilation(stderr: str) -> str:
    """What a command says beside that it compiles kernels, which it does once on a machine."""
    return "".join(line for line in stderr.splitlines(True) if not line.startswith("kcompat: compiling kernels"))


@pytest.fixture
def digits() -> Path:
    return FIXTURES / "digits"


@pytest.fixture
def golden() -> Path:
    return FIXTURES / "golden" / "keras2_2"
