"""The command itself."""

import os
import subprocess
import sys

import pytest

import kcompat as package
from kcompat.errors import InputError


def test_version_and_help(kcompat):
    assert kcompat("--version") == (0, f"kcompat {package.__version__}\n", "")
    status, out, _ = kcompat("--help")
    assert status == 0
    assert all(command in out for command in ("show", "run", "verify"))


@pytest.mark.parametrize("arguments", [(), ("fly",), ("run", "model.h5"), ("show",)])
def test_wrong_usage(kcompat, arguments):
    status, out, err = kcompat(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("usage: kcompat")


def test_errors_are_one_line(kcompat, tmp_path):
    status, out, err = kcompat("show", tmp_path / "absent.h5")
    assert (status, out) == (3, "")
    assert err.startswith("kcompat: ")
    assert err.count("\n") == 1


def test_debug_shows_where(kcompat, digits, tmp_path):
    (tmp_path / "x.csv").write_text("1,2\n")
    with pytest.raises(InputError):
        kcompat("run", digits / "digits_cnn.h5", "--input", tmp_path / "x.csv", "--debug")


def test_as_a_module(digits):
    command = [sys.executable, "-I", "-W", "error", "-m", "kcompat", "verify"]
    done = subprocess.run(
        [*command, digits / "digits_cnn.h5", digits / "digits_test.npz"], capture_output=True, text=True, check=False
    )
    told = [line for line in done.stderr.splitlines() if not line.startswith("kcompat: compiling kernels")]
    assert (done.returncode, told) == (0, [])
    assert done.stdout.startswith("digit: ok")


@pytest.mark.skipif(os.name == "nt", reason="pipes break differently")
def test_a_reader_that_leaves(digits):
    command = [sys.executable, "-I", "-m", "kcompat", "show", str(digits / "digits_cnn.h5")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0
