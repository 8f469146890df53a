"""Reads the command line and runs the command."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from .. import __version__
from ..errors import ArgumentError, DifferenceError, InputError, KcompatError, MissingDependencyError
from . import convert, diff, run, show, verify, warm

COMMANDS = (show, run, convert, diff, verify, warm)

DIFFERENT, USAGE, REFUSED = 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the process's arguments by default. Returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _tell
            status: int = options.command(options)
        sys.stdout.flush()
        return status
    except (KcompatError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            return _reader_left()
        if options.debug:
            raise
        print(f"kcompat: {error}", file=sys.stderr)
        return _status(error)
    except KeyboardInterrupt:
        return 130


def _tell(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning as one line, without the place in the code."""
    print(f"kcompat: warning: {message}", file=sys.stderr)


def _status(error: Exception) -> int:
    if isinstance(error, DifferenceError):
        return DIFFERENT
    ours = isinstance(error, (ArgumentError, InputError, MissingDependencyError, OSError))
    return USAGE if ours else REFUSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kcompat",
        description="Run Keras and ONNX models without TensorFlow, look into them, convert and check them.",
    )
    parser.add_argument("--version", action="version", version=f"kcompat {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in COMMANDS:
        command = commands.add_parser(
            module.__name__.rpartition(".")[2], help=module.HELP, description=module.run.__doc__
        )
        module.add_arguments(command)
        command.add_argument("--debug", action="store_true", help="show the traceback of an error")
        command.set_defaults(command=module.run)
    return parser


def _reader_left() -> int:
    """The reader of a pipe has left, as `head` does: nothing more can be written, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
