"""Outputs as text that a person reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import ArgumentError

_SAMPLES = 10


def describe(outputs: Mapping[str, np.ndarray], labels: Sequence[str] | None, top: int) -> str:
    """All outputs, at most ten samples of each; the `top` largest entries where they are probabilities of classes.

    Raises ArgumentError if labels are given and no output has as many classes.
    """
    sizes = {array.shape[-1] for array in outputs.values() if array.ndim == 2}
    if labels is not None and len(labels) not in sizes:
        found = ", ".join(f"{name} {array.shape}" for name, array in outputs.items())
        raise ArgumentError(f"--labels has {len(labels)} names; the outputs are {found}")
    return "\n".join(_output(name, array, labels, top) for name, array in outputs.items())


def are_probabilities(array: np.ndarray) -> bool:
    """Whether each row is a distribution over classes."""
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind != "f":
        return False
    return bool((array >= 0).all() and np.allclose(array.sum(axis=1), 1, atol=1e-3))


def _output(name: str, array: np.ndarray, labels: Sequence[str] | None, top: int) -> str:
    lines = [f"{name} ({', '.join(map(str, array.shape))}) {array.dtype}"]
    named = labels if labels is not None and array.ndim == 2 and array.shape[1] == len(labels) else None
    for index, sample in enumerate(array[:_SAMPLES]):
        if len(array) > 1:
            lines.append(f" sample {index}")
        if are_probabilities(array):
            lines += _ranked(sample, named, top, "{:7.2%}")
        elif named is not None:
            lines += _ranked(sample, named, top, "{:12.6g}")
        else:
            text = np.array2string(sample, precision=6, suppress_small=True, threshold=60, max_line_width=100)
            lines += [f"  {line}" for line in text.splitlines()]
    if len(array) > _SAMPLES:
        lines.append(f" and {len(array) - _SAMPLES} more samples; --output FILE writes all")
    return "\n".join(lines)


def _ranked(scores: np.ndarray, labels: Sequence[str] | None, top: int, form: str) -> list[str]:
    order = np.argsort(-scores, kind="stable")[:top]
    return [f"  {form.format(scores[k])}  {labels[k] if labels is not None else f'class {k}'}" for k in order]
