"""Boxes in images: suppression of those that overlap, and pooling of what lies in them.

Source: ONNX's NonMaxSuppression and RoiAlign.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from .intrinsics import as_f32, f32, i64
from .shares import share_start

F = np.float32


def suppress(centred: int) -> Any:
    """Of candidates, grouped by sample and class and best first within a group, those that overlap no better one that
    was taken by more than a threshold.

    centred: 1 if boxes are (x, y, width, height), not two opposite corners. arguments: taken (rows of int64: sample,
    class, box), candidates (as taken), how many, boxes (samples, boxes, 4), boxes of a sample, the most to take of a
    group, threshold (bits), scratch (5, candidates) of float32, address of an int64 for how many were taken.
    """

    @njit(inline="always")
    def corners(box):
        """Lowest and highest coordinate along both axes."""
        if centred:
            wide, high = box[2] / F(2), box[3] / F(2)
            return box[0] - wide, box[0] + wide, box[1] - high, box[1] + high
        return min(box[1], box[3]), max(box[1], box[3]), min(box[0], box[2]), max(box[0], box[2])

    @njit(inline="always")
    def overlaps(kept, step, count, left, right, low, high, area, threshold):
        """Whether one of `count` kept boxes overlaps a box too much; their numbers are `step` apart."""
        found = 0
        for i in range(count):
            across = min(right, kept[step + i]) - max(left, kept[i])
            along = min(high, kept[3 * step + i]) - max(low, kept[2 * step + i])
            common, other = across * along, kept[4 * step + i]
            union = area + other - common
            is_box = (across > F(0)) & (along > F(0)) & (area > F(0)) & (other > F(0)) & (union > F(0))
            found += is_box & (common / union > threshold)
        return found != 0

    def kernel(a, thread, threads):
        taken, candidates, kept, step, threshold = i64(a[0]), i64(a[1]), f32(a[7]), a[2], as_f32(a[6])
        count, in_group = 0, 0
        for number in range(step if thread == 0 else 0):
            sample, kind, place = candidates[3 * number], candidates[3 * number + 1], candidates[3 * number + 2]
            if number > 0 and (candidates[3 * number - 3] != sample or candidates[3 * number - 2] != kind):
                in_group = 0
            if in_group < a[5]:
                left, right, low, high = corners(f32(a[3] + (sample * a[4] + place) * 16))
                area = (right - left) * (high - low)
                if not overlaps(kept, step, in_group, left, right, low, high, area, threshold):
                    kept[in_group], kept[step + in_group], kept[2 * step + in_group] = left, right, low
                    kept[3 * step + in_group], kept[4 * step + in_group] = high, area
                    taken[3 * count], taken[3 * count + 1], taken[3 * count + 2] = sample, kind, place
                    count, in_group = count + 1, in_group + 1
        if thread == 0:
            i64(a[8])[0] = count

    return kernel


def align(mode: str) -> Any:
    """Regions of images (samples, height, width, channels) pooled to (regions, rows, columns, channels) from
    interpolated points.

    mode: "avg" or "max", which is that of the weighted neighbours of all points. arguments: y, x, regions (regions, 4:
    left, low, right, high), samples of the regions (int64), regions, height, width, channels, rows, columns, points
    along an axis of a bin (0: as many as it has pixels), scale (bits), 1 if pixels' centres lie at a half.
    """
    is_max = mode == "max"

    @njit(inline="always")
    def neighbours(at, size):
        """The pixels around a coordinate and the weight of the second; -1 outside."""
        if not F(-1) <= at <= F(size):
            return -1, -1, F(0)
        at = max(at, F(0))
        low = int(at)
        if low >= size - 1:
            return size - 1, size - 1, F(0)
        return low, low + 1, at - F(low)

    @njit(inline="always")
    def add(y, x, count, weight, is_first):
        """A weighted pixel to the sums, or the largest of both."""
        for c in range(count):
            value = weight * x[c]
            if is_max:
                y[c] = value if is_first or value > y[c] else y[c]
            else:
                y[c] += value

    @njit(inline="always")
    def point(a, y, image, down, across, is_first):
        channels, width = a[7], a[6]
        low, high, rest = neighbours(down, a[5])
        left, right, part = neighbours(across, width)
        if low < 0 or left < 0:
            add(y, f32(image), channels, F(0), is_first)
            return
        add(y, f32(image + (low * width + left) * channels * 4), channels, (F(1) - rest) * (F(1) - part), is_first)
        add(y, f32(image + (low * width + right) * channels * 4), channels, (F(1) - rest) * part, False)
        add(y, f32(image + (high * width + left) * channels * 4), channels, rest * (F(1) - part), False)
        add(y, f32(image + (high * width + right) * channels * 4), channels, rest * part, False)

    @njit(inline="always")
    def bin_of(a, y, image, top, left, high, wide, down, across):
        """One element of the result: the mean or the largest of its points."""
        channels = a[7]
        for c in range(channels):
            y[c] = F(0)
        for i in range(down):
            for j in range(across):
                row, column = top + (F(i) + F(0.5)) * high / F(down), left + (F(j) + F(0.5)) * wide / F(across)
                point(a, y, image, row, column, i + j == 0)
        if not is_max:
            count = F(max(down * across, 1))
            for c in range(channels):
                y[c] /= count

    def kernel(a, thread, threads):
        samples, channels, rows, columns, scale = i64(a[3]), a[7], a[8], a[9], as_f32(a[11])
        offset, least = (F(0.5), F(-np.inf)) if a[12] != 0 else (F(0), F(1))
        unit, end = share_start(a[4], thread, threads), share_start(a[4], thread + 1, threads)
        while unit < end:
            region = f32(a[2] + unit * 16)
            left, top = region[0] * scale - offset, region[1] * scale - offset
            wide = max(region[2] * scale - offset - left, least) / F(columns)
            high = max(region[3] * scale - offset - top, least) / F(rows)
            down = a[10] if a[10] > 0 else math.ceil(high)
            across = a[10] if a[10] > 0 else math.ceil(wide)
            image = a[1] + samples[unit] * a[5] * a[6] * channels * 4
            for row in range(rows):
                for column in range(columns):
                    y = f32(a[0] + ((unit * rows + row) * columns + column) * channels * 4)
                    bin_of(a, y, image, top + F(row) * high, left + F(column) * wide, high, wide, down, across)
            unit += 1

    return kernel
