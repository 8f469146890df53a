"""docs/layers.md against what is measured; `python tests/layer_table.py --check` asks for every number at once."""

import re

import pytest
from layer_table import COLUMNS, PAGE, WRITTEN, Row, cases_by_layer, layer_names, measure_written


def page_rows():
    """Right cases by layer and column, as the page says."""
    rows = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == len(COLUMNS) + 1 and cells[0] not in ("layer", "---"):
            rows[cells[0]] = dict(zip(COLUMNS, map(right, cells[1:]), strict=True))
    return rows


def right(cell):
    found = re.match(r"\d+", cell)
    return int(found[0]) if found else 0


PAGE_ROWS = page_rows()


def test_every_layer_has_its_row():
    assert [*layer_names(), "**all**"] == list(PAGE_ROWS)


@pytest.mark.parametrize("name", layer_names())
def test_the_page_claims_no_more_than_is_written(name):
    """The other columns are what other tests hold every case to."""
    row = Row(name)
    measure_written(row, cases_by_layer()[name])
    assert {
        column: PAGE_ROWS[name][column] for column in WRITTEN if PAGE_ROWS[name][column] > row.counts[column].right
    } == {}
