"""A save happens whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from kcompat.converters.files import atomic, replacing_file, replacing_folder
from kcompat.errors import SaveError

Writer = Callable[[Path], AbstractContextManager[Path]]


def fill(path: Path, content: str) -> None:
    """Writes `content` to a file, or to a file in a folder."""
    (path / "config.json" if path.is_dir() else path).write_text(content)


def content(path: Path) -> str:
    return (path / "config.json" if path.is_dir() else path).read_text()


@pytest.fixture(params=[replacing_file, replacing_folder])
def writer(request: pytest.FixtureRequest) -> Writer:
    chosen: Writer = request.param
    return chosen


@pytest.fixture
def old(tmp_path: Path, writer: Writer) -> Path:
    """What is there before the save."""
    path = tmp_path / "model"
    if writer is replacing_folder:
        path.mkdir()
        (path / "stale.txt").touch()
    else:
        path.touch()
    fill(path, "old")
    return path


def test_a_new_path(tmp_path: Path, writer: Writer) -> None:
    with writer(tmp_path / "model") as temporary:
        assert temporary.parent == tmp_path
        fill(temporary, "new")
        assert os.listdir(tmp_path) == [temporary.name]
    assert content(tmp_path / "model") == "new"
    assert os.listdir(tmp_path) == ["model"]


def test_replacing(old: Path, writer: Writer) -> None:
    with writer(old) as temporary:
        fill(temporary, "new")
        assert content(old) == "old"
    assert content(old) == "new"
    assert os.listdir(old.parent) == ["model"]
    assert not (old / "stale.txt").exists()


def fail_half_way(path: Path, error: type[BaseException]) -> None:
    fill(path, "half")
    raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_while_writing(old: Path, writer: Writer, error: type[BaseException]) -> None:
    with pytest.raises(error), writer(old) as temporary:
        fail_half_way(temporary, error)
    assert content(old) == "old"
    assert os.listdir(old.parent) == ["model"]


def test_a_full_disk(old: Path, writer: Writer) -> None:
    with pytest.raises(SaveError, match=r"model: cannot be saved: .*No space left.*unchanged"), writer(old):
        raise OSError(28, "No space left on device")
    assert content(old) == "old"
    assert os.listdir(old.parent) == ["model"]


@pytest.mark.parametrize(
    ("writer", "call"),
    [(replacing_file, call) for call in ("open", "fsync", "chmod", "replace")]
    + [(replacing_folder, call) for call in ("mkdir", "fsync", "chmod", "rename")],
)
def test_any_system_call_may_fail(
    tmp_path: Path, writer: Writer, call: str, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails the first, second, ... use of a call until the save gets through."""
    original = getattr(os, call)
    outcomes = []
    while "saved" not in outcomes:
        uses = iter(range(1000))

        def fails(*args: Any, uses: Iterator[int] = uses, **kwargs: Any) -> Any:
            if next(uses) == len(outcomes):
                raise OSError(5, "Input/output error")
            return original(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(atomic.os, call, fails)
            outcomes.append(save(writer, old))
        assert content(old) == ("new" if outcomes[-1] == "saved" else "old")
        assert os.listdir(tmp_path) == ["model"]
    assert outcomes.count("failed") >= 1


def save(writer: Writer, path: Path) -> str:
    try:
        with writer(path) as temporary:
            fill(temporary, "new")
    except SaveError:
        return "failed"
    return "saved"


def test_swapping_folders_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "model"
    old.mkdir()
    fill(old, "old")
    renames: list[tuple[str, str]] = []
    original = os.rename

    def second_fails(source: Path, target: Path) -> None:
        renames.append((source.name, target.name))
        if len(renames) == 2:
            raise OSError(5, "Input/output error")
        original(source, target)

    monkeypatch.setattr(atomic.os, "rename", second_fails)
    with pytest.raises(SaveError), replacing_folder(old) as temporary:
        fill(temporary, "new")
    assert len(renames) == 3
    assert content(old) == "old"
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX permissions on this system")
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o444, 0o664])
def test_permissions_are_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "model.h5"
    path.write_text("old")
    path.chmod(mode)
    with replacing_file(path) as temporary:
        assert stat.S_IMODE(temporary.stat().st_mode) & 0o077 & ~mode == 0
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX permissions on this system")
def test_new_files_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with replacing_file(tmp_path / "model.h5") as temporary:
            temporary.write_text("new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "model.h5").stat().st_mode) == 0o640


def test_a_symbolic_link_is_kept(tmp_path: Path, writer: Writer) -> None:
    (tmp_path / "store").mkdir()
    target, link = tmp_path / "store" / "v1", tmp_path / "latest"
    if writer is replacing_folder:
        target.mkdir()
    link.symlink_to(target)
    with writer(link) as temporary:
        fill(temporary, "new")
    assert link.is_symlink()
    assert content(target) == "new"


def test_open_readers_keep_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_text("old")
    with path.open() as reader:
        with replacing_file(path) as temporary:
            temporary.write_text("new")
        assert reader.read() == "old"


def test_impossible_places(tmp_path: Path) -> None:
    with (
        pytest.raises(SaveError, match=r"the folder .*absent' does not exist"),
        replacing_file(tmp_path / "absent/m.h5"),
    ):
        pass
    with pytest.raises(SaveError, match="is a directory; pass the path of a file"), replacing_file(tmp_path):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(SaveError, match="is a file; pass the path of a folder"), replacing_folder(tmp_path / "file"):
        pass
