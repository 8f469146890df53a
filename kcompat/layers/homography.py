"""Projective maps between a rectangle and a quadrilateral."""

from __future__ import annotations

from collections.abc import Sequence

from ..ir import Value
from .emitter import Emitter


def quadrilateral_map(b: Emitter, corners: Sequence[Sequence[Value]], width: Value, height: Value) -> list[Value]:
    """The eight numbers of the map from a quadrilateral to the rectangle (0, 0) ... (width, height).

    corners: x and y of where the rectangle's corners are, row by row. Source: Heckbert, Fundamentals of Texture
    Mapping and Image Warping, 1989: the map of the unit square, whose adjugate is the inverse.
    """
    (x0, y0), (x1, y1), (x3, y3), (x2, y2) = corners
    dx1, dx2, sx = b.sub(x1, x2), b.sub(x3, x2), b.add(b.sub(x0, x1), b.sub(x2, x3))
    dy1, dy2, sy = b.sub(y1, y2), b.sub(y3, y2), b.add(b.sub(y0, y1), b.sub(y2, y3))
    area = _cross(b, dx1, dy2, dx2, dy1)
    g, h = b.div(_cross(b, sx, dy2, dx2, sy), area), b.div(_cross(b, dx1, sy, sx, dy1), area)
    a, d = b.add(b.sub(x1, x0), b.mul(g, x1)), b.add(b.sub(y1, y0), b.mul(g, y1))
    e, f = b.add(b.sub(y3, y0), b.mul(h, y3)), y0
    p, c = b.add(b.sub(x3, x0), b.mul(h, x3)), x0
    rows = (
        (b.sub(e, b.mul(f, h)), b.sub(b.mul(c, h), p), _cross(b, p, f, c, e), width),
        (b.sub(b.mul(f, g), d), b.sub(a, b.mul(c, g)), _cross(b, c, d, a, f), height),
    )
    last = _cross(b, a, e, p, d)
    scaled = [b.div(b.mul(number, size), last) for *numbers, size in rows for number in numbers]
    return [*scaled, b.div(_cross(b, d, h, e, g), last), b.div(_cross(b, p, g, a, h), last)]


def _cross(b: Emitter, x: Value, y: Value, z: Value, w: Value) -> Value:
    """x y - z w."""
    return b.sub(b.mul(x, y), b.mul(z, w))
