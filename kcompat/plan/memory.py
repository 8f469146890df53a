"""Where in the arena each buffer lies: buffers that never live at the same time may share memory."""

from __future__ import annotations

from collections.abc import Sequence

from .program import Buffer, HostStep, Step

ALIGNMENT = 64


def place_buffers(steps: Sequence[Step | HostStep], start: int = 0) -> tuple[int, int]:
    """Give every arena buffer its place from `start` on, largest first: around the middle of another, so that what
    two threads share by halves stays with each of them, or as low as it fits.

    Returns the arena's bytes and the sum of all buffers' bytes.
    """
    lives = _lives(steps)
    placed: list[Buffer] = []
    for buffer in sorted(lives, key=lambda b: -b.nbytes):
        neighbours = [other for other in placed if _overlap(lives[buffer], lives[other])]
        centred = (_around(other, buffer) for other in placed)
        fitting = (place for place in centred if place >= start and _is_free(place, buffer, neighbours))
        place = next(fitting, None)
        buffer.place = _lowest(start, buffer, neighbours) if place is None else place
        placed.append(buffer)
    return max((b.place + _rounded(b.nbytes) for b in placed), default=start), sum(b.nbytes for b in placed)


def _lives(steps: Sequence[Step | HostStep]) -> dict[Buffer, tuple[int, int]]:
    """The first and the last step that touch each arena buffer."""
    lives: dict[Buffer, tuple[int, int]] = {}
    for number, step in enumerate(steps):
        for buffer in (*step.reads, *step.writes):
            if buffer.kind == "arena":
                lives[buffer] = (lives.get(buffer, (number,))[0], number)
    return lives


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _around(other: Buffer, buffer: Buffer) -> int:
    """Where a buffer has the middle of another."""
    return other.place + (other.nbytes - buffer.nbytes) // 2 // ALIGNMENT * ALIGNMENT


def _is_free(place: int, buffer: Buffer, neighbours: list[Buffer]) -> bool:
    end = place + _rounded(buffer.nbytes)
    return all(end <= other.place or other.place + _rounded(other.nbytes) <= place for other in neighbours)


def _lowest(place: int, buffer: Buffer, neighbours: list[Buffer]) -> int:
    for other in sorted(neighbours, key=lambda b: b.place):
        if place + buffer.nbytes <= other.place:
            break
        place = max(place, other.place + _rounded(other.nbytes))
    return place


def _rounded(nbytes: int) -> int:
    return -(-nbytes // ALIGNMENT) * ALIGNMENT
