"""What people install."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the source archive, the wheel built from that archive, without the network."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("kcompat", "converters"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-I", "-m", "build", "--no-isolation", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,), (archive,) = (source / "dist").glob("*.whl"), (source / "dist").glob("*.tar.gz")
    return wheel, archive


@pytest.fixture(scope="module")
def names(built):
    with zipfile.ZipFile(built[0]) as wheel:
        return wheel.namelist()


def test_kcompat_is_the_only_top_level_package(names):
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"kcompat"}


def test_every_module_is_in_the_wheel(names):
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "kcompat").rglob("*.py")}
    modules |= {"kcompat/" + path.relative_to(ROOT).as_posix() for path in (ROOT / "converters").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == modules


def test_types_licence_and_command(built, names):
    assert "kcompat/py.typed" in names
    assert [name for name in names if name.endswith("/licenses/LICENSE")]
    with zipfile.ZipFile(built[0]) as wheel:
        (entry,) = (name for name in names if name.endswith("/entry_points.txt"))
        assert wheel.read(entry).decode().split() == ["[console_scripts]", "kcompat", "=", "kcompat.cli:main"]


def test_the_source_archive_has_what_building_needs(built):
    with tarfile.open(built[1]) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "README.md", "kcompat/py.typed", "converters/__init__.py"} <= inside
