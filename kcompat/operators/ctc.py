"""Connectionist temporal classification: labels against logits of more steps than labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DtypeError, ShapeError
from ..ir.builder import Builder
from ..ir.operator import Int, not_differentiable, operator
from ..ir.types import Dim, TensorType, same_dim, shape_text
from .activation import log_softmax
from .floating import require_float
from .gradients import Gradients


def _checked(labels: TensorType, logits: TensorType, label_length: TensorType) -> Dim:
    """The size of the batch. Raises ShapeError or DtypeError."""
    for integers in (labels, label_length):
        if not integers.dtype.startswith(("int", "uint")):
            raise DtypeError(f"ctc_loss: labels and their lengths are integers, received {integers.dtype}")
    if labels.rank != 2 or require_float("ctc_loss", logits).rank != 3 or label_length.rank != 1:
        raise ShapeError(
            f"ctc_loss: needs labels (batch, length), logits (batch, steps, classes) and lengths (batch,), received "
            f"{shape_text(labels.shape)}, {shape_text(logits.shape)} and {shape_text(label_length.shape)}"
        )
    return same_dim(labels.shape[0], logits.shape[0], "ctc_loss: batches of labels and logits")


def _loss_type(labels: TensorType, logits: TensorType, label_length: TensorType, *, blank: int) -> TensorType:
    return logits.with_shape((_checked(labels, logits, label_length),))


def _gradient_type(labels: TensorType, logits: TensorType, label_length: TensorType, *, blank: int) -> TensorType:
    _checked(labels, logits, label_length)
    return logits


def _states(labels: np.ndarray, blank: int) -> np.ndarray:
    """Labels with blanks around each."""
    states = np.full((len(labels), 2 * labels.shape[1] + 1), blank, np.int64)
    states[:, 1::2] = labels
    return states


def _shifted(x: np.ndarray, by: int) -> np.ndarray:
    """States moved by some places to the right, or to the left if negative, with log(0) in front."""
    moved = np.full_like(x, -np.inf)
    if by > 0:
        moved[:, by:] = x[:, :-by]
    else:
        moved[:, :by] = x[:, -by:]
    return moved


def _reach(x: np.ndarray, skips: np.ndarray, way: int) -> np.ndarray:
    """Logarithms of the sums over the states from which each state is reached: itself, the next, the one after."""
    after = np.where(skips, _shifted(x, 2 * way), -np.inf)
    return np.logaddexp(np.logaddexp(x, _shifted(x, way)), after)


class _Alignments:
    """All alignments of labels with steps, forward and backward in time. Source: Graves et al. 2006."""

    def __init__(self, labels: np.ndarray, logits: np.ndarray, label_length: np.ndarray, blank: int) -> None:
        self.log_probabilities = log_softmax.meaning(logits.astype(np.float64), axes=(-1,))
        self.states = states = _states(labels, blank)
        self.batch, self.steps = np.arange(len(states))[:, None], np.arange(logits.shape[1])
        self.emitted = self.log_probabilities[self.batch[..., None], self.steps[None, :, None], states[:, None, :]]
        self.skips = (states != blank) & (states != np.roll(states, 2, axis=1))
        self.skips[:, :2] = False
        place, last = np.arange(states.shape[1]), 2 * label_length.astype(np.int64)[:, None]
        self.ends = np.where((place == last) | (place == last - 1), 0.0, -np.inf)
        self.forward = self._forward()
        self.likelihood = np.logaddexp.reduce(self.forward[:, -1] + self.ends, axis=1)

    def _forward(self) -> np.ndarray:
        """Logarithms of the probabilities of all that ends in each state at each step."""
        total = np.full_like(self.emitted, -np.inf)
        total[:, 0, :2] = self.emitted[:, 0, :2]
        for t in self.steps[1:]:
            total[:, t] = _reach(total[:, t - 1], self.skips, 1) + self.emitted[:, t]
        return total

    def _backward(self) -> np.ndarray:
        """Logarithms of the probabilities of all that follows each state at each step."""
        total = np.empty_like(self.emitted)
        total[:, -1] = self.ends
        leaves = np.zeros_like(self.skips)
        leaves[:, :-2] = self.skips[:, 2:]
        for t in self.steps[-2::-1]:
            total[:, t] = _reach(total[:, t + 1] + self.emitted[:, t + 1], leaves, -1)
        return total

    def gradient(self) -> np.ndarray:
        """Of the loss, by the logits: the classes' probabilities without and with knowledge of the labels."""
        joint = self.forward + self._backward() - self.likelihood[:, None, None]
        expected = np.exp(np.nan_to_num(joint, nan=-np.inf))
        result: np.ndarray = np.exp(self.log_probabilities)
        for state in range(self.states.shape[1]):
            result[self.batch, self.steps, self.states[:, state, None]] -= expected[:, :, state]
        return result


def _loss(labels: np.ndarray, logits: np.ndarray, label_length: np.ndarray, *, blank: int) -> np.ndarray:
    return (-_Alignments(labels, logits, label_length, blank).likelihood).astype(logits.dtype)


def _by_logits(labels: np.ndarray, logits: np.ndarray, label_length: np.ndarray, *, blank: int) -> np.ndarray:
    return _Alignments(labels, logits, label_length, blank).gradient().astype(logits.dtype)


def _gradient(b: Builder, gradients: Any, inputs: Any, outputs: Any, *, blank: int) -> Gradients:
    return [None, b.mul(b.expand_dims(gradients[0], axes=(1, 2)), b.ctc_gradient(*inputs, blank=blank)), None]


ctc_loss = operator(
    "ctc_loss",
    "labels logits label_length",
    attrs={"blank": Int(0)},
    infer=_loss_type,
    meaning=_loss,
    gradient=_gradient,
)
"""-log of the probability of the labels by logits (batch, steps, classes), over all alignments.

labels: (batch, length), of which the first `label_length` (batch,) count. Infinite where steps do not suffice.
As tf.nn.ctc_loss.
"""

ctc_gradient = operator(
    "ctc_gradient",
    "labels logits label_length",
    attrs={"blank": Int(0)},
    infer=_gradient_type,
    meaning=_by_logits,
    gradient=not_differentiable,
)
"""The gradients of each sample's `ctc_loss` by the logits."""
