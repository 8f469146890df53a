"""Losses of sequences. Source: keras.src.losses.losses 3.15."""

from __future__ import annotations

from ...config import Field, Str, registered
from ...ir import Builder, Value
from ..functions import loss_function
from ..numerics import cast, floating
from .base import FunctionLoss

_BLANK = 0


@loss_function()
def ctc(b: Builder, y_true: Value, y_pred: Value) -> Value:
    """-log of the probability of labels (batch, length) by logits (batch, steps, classes), over all alignments.

    Class 0 is the blank, and labels end at their first 0.
    """
    labels = cast(b, y_true, "int32")
    count = b.reduce_sum(b.cast(b.not_equal(labels, _BLANK), dtype="int32"), axes=(-1,))
    value: Value = b.ctc_loss(labels, floating(b, y_pred), count, blank=_BLANK)
    return value


@registered("keras.losses")
class CTC(FunctionLoss):
    """Connectionist temporal classification (Graves et al. 2006); see `ctc`."""

    positional = ("reduction", "name", "dtype")
    function = ctc

    name = Field(Str, "ctc")
