"""Tables of text with borders, laid out as Keras lays out its `summary()` with rich."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

_ALIGN = {"left": "<", "right": ">", "center": "^"}


def render(
    header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], aligns: Sequence[str], total: int
) -> str:
    """The table as lines, `total` characters wide.

    widths: of the columns' text, which are stretched or shrunk in proportion to fill the table.
    aligns: "left", "right" or "center" for each column. Words that do not fit their column wrap; a
    word wider than its column is cut, with an ellipsis.
    """
    widths = fill([width + 2 for width in widths], total - len(widths) - 1)
    lines = [_border("┏━┳┓", widths), *_row(header, widths, aligns, "┃"), _border("┡━╇┩", widths)]
    for index, row in enumerate(rows):
        if index:
            lines.append(_border("├─┼┤", widths))
        lines += _row(row, widths, aligns, "│")
    return "\n".join([*lines, _border("└─┴┘", widths)])


def fill(widths: Sequence[int], total: int) -> list[int]:
    """The widths made to add up to `total`: space shared out in proportion, lack of it evenly.

    Source: `_calculate_column_widths` in rich/table.py.
    """
    lack = sum(widths) - total
    filled = []
    for index, width in enumerate(widths):
        rest = widths[index:]
        change = -min(width, round(lack / len(rest))) if lack > 0 else math.ceil(width * -lack / sum(rest))
        filled.append(width + change)
        lack += change
    return filled


def _border(characters: str, widths: Sequence[int]) -> str:
    left, line, cross, right = tuple(characters)
    return left + cross.join(line * width for width in widths) + right


def _row(texts: Sequence[str], widths: Sequence[int], aligns: Sequence[str], edge: str) -> list[str]:
    cells = [wrap(text, width - 2) for text, width in zip(texts, widths, strict=True)]
    lines = []
    for number in range(max(map(len, cells))):
        parts = [
            f" {cell[number] if number < len(cell) else '':{_ALIGN[align]}{width - 2}} "
            for cell, width, align in zip(cells, widths, aligns, strict=True)
        ]
        lines.append(edge + edge.join(parts) + edge)
    return lines


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` characters."""
    lines = [""]
    for word in re.findall(r"\s*\S+\s*", text):
        if lines[-1] and len(lines[-1] + word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return [_cut(line.rstrip(), width) for line in lines]


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"
