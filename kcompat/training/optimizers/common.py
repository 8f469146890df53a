"""What optimizers share: the order of arguments, moving means, corrections of their start."""

from __future__ import annotations

import numpy as np

from ...ir import Value, Variable
from ...layers.emitter import Emitter

MODULE = "keras.optimizers"

COMMON = (
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "name",
)
"""The last arguments of every optimizer, in Keras's order."""


def approach(b: Emitter, slot: Variable, target: Value, share: float) -> Value:
    """Let a slot go this share of the way to a target: slot += (target - slot) * share."""
    old = b.state(slot)
    new: Value = b.add(old, b.mul(b.sub(target, old), share))
    b.update(slot, new)
    return new


def blend(b: Emitter, slot: Variable, target: Value, keep: float) -> Value:
    """Let a slot become keep * slot + (1 - keep) * target."""
    new: Value = b.add(b.mul(b.state(slot), keep), b.mul(target, 1 - keep))
    b.update(slot, new)
    return new


def rest_of_power(b: Emitter, base: float, step: Value) -> Value:
    """1 - base ** step. The base passes through float32 in every dtype, as Keras's cast of it does on TensorFlow."""
    rest: Value = b.sub(1.0, b.pow(float(np.float32(base)), step))
    return rest


def descend(b: Emitter, variable: Variable, move: Value) -> None:
    """variable -= move."""
    b.update(variable, b.sub(b.state(variable), move))
