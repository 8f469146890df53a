"""Tables that import what they hold when it is asked for, and the indexes they find it by."""

import subprocess
import sys
from pathlib import Path

import pytest

from kcompat.catalogue import Catalogue

PACKAGE = "catalogue_of_a_test"
INDEXED = {"one": ("first", "second"), "helper": ()}


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A catalogue of a package with an indexed module, one that enters nothing, and one that no index has."""
    folder = tmp_path / PACKAGE
    folder.mkdir()
    (folder / "__init__.py").write_text("from kcompat.catalogue import Catalogue\nTABLE = Catalogue('numbers')\n")
    for module, lines in {"one": "first=1 second=2", "helper": "", "new": "third=3"}.items():
        entries = [f"TABLE.enter({pair.split('=')[0]!r}, {pair.split('=')[1]})" for pair in lines.split()]
        (folder / f"{module}.py").write_text("\n".join([f"from {PACKAGE} import TABLE", *entries, ""]))
    monkeypatch.syspath_prepend(str(tmp_path))
    made = __import__(PACKAGE).TABLE
    made.announce(PACKAGE, INDEXED)
    yield made
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def loaded() -> set[str]:
    return {name.partition(".")[2] for name in sys.modules if name.startswith(f"{PACKAGE}.")}


def test_a_name_imports_the_module_that_has_it(table):
    assert "first" in table
    assert not loaded()
    assert table["first"] == 1
    assert loaded() == {"one"}


def test_a_name_that_no_index_has_is_found_in_a_new_file(table):
    assert table.get("third") == 3
    assert loaded() == {"new"}


def test_an_unknown_name(table):
    assert table.get("fourth") is None
    assert "fourth" not in table
    with pytest.raises(KeyError):
        table["fourth"]
    assert loaded() == {"new"}


def test_iterating_imports_everything(table):
    assert dict(table) == {"first": 1, "second": 2, "third": 3}
    assert len(table) == 3
    assert loaded() == {"one", "helper", "new"}


def test_two_things_of_one_name():
    table = Catalogue("numbers")
    table.enter("first", 1)
    table.enter("first", 1)
    with pytest.raises(ValueError, match="two numbers are named 'first'"):
        table.enter("first", 2)


def test_the_indexes_are_up_to_date():
    command = [sys.executable, str(Path(__file__).with_name("indexes.py")), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"stale: {done.stderr.strip()}; run: python tests/indexes.py"
