"""Runs that Keras of every generation began, saved, and made one more step of: that step, made here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from golden import FOLDER, GoldenFile, golden_files
from training_cases import assert_close

from kcompat import losses, optimizers
from kcompat.ir import Value, verify
from kcompat.ir.types import type_of
from kcompat.layers import BatchNormalization
from kcompat.layers.emitter import Emitter
from kcompat.models import Model
from kcompat.models.training_state import TrainingState
from kcompat.passes.differentiate import differentiate
from kcompat.reference import evaluate
from kcompat.training.optimizers.keras2 import read_optimizer, restore_state
from kcompat.tree import flatten

FILES = [
    file
    for file in golden_files("load")
    if file.record.get("training") and file.kind in ("model_h5", "keras_zip") and file.arrays("train_output")
]


def spec_of(state: TrainingState) -> Any:
    return state.config.get("optimizer_config") or state.config["optimizer"]


def per_output(model: Model, given: Any) -> list[Any]:
    """What `compile` was given for each output, in their order."""
    if isinstance(given, Mapping):
        return [given[tensor.call.layer.name] for tensor in model.outputs]
    return [given] * len(model.outputs)


def loss_of(b: Emitter, model: Model, state: TrainingState, targets: list[Value], outputs: list[Value]) -> Value:
    weights = state.config.get("loss_weights")
    total = None
    for loss, weight, target, output in zip(
        per_output(model, state.config["loss"]),
        per_output(model, 1.0 if weights is None else weights),
        targets,
        outputs,
        strict=True,
    ):
        value = losses.resolve_loss(loss, target.shape, output.shape).emit(b, target, output)
        value = b.mul(value, float(weight))
        total = value if total is None else b.add(total, value)
    regularized = [variable for variable in model.trainable_variables if variable.regularizer is not None]
    penalties = [variable.regularizer.emit(b, b.parameter(variable)) for variable in regularized]
    for penalty in (*b.losses, *penalties):
        total = b.add(total, penalty)
    return total


def continued(model: Model, file: GoldenFile) -> tuple[np.ndarray, list[np.ndarray]]:
    """The loss of one more step, and the outputs after it."""
    state = model.training_state
    inputs, targets = file.arrays("train_input"), file.arrays("train_target")
    optimizer = read_optimizer(spec_of(state), state.form)
    optimizer.build(model.trainable_variables)
    restore_state(optimizer, state.optimizer_weights, spec_of(state), state.form)
    b = Emitter(training=True, collects_losses=True)
    entered = [b.input(type_of(array)) for array in (*inputs, *targets)]
    outputs = flatten(b.call(model, *entered[: len(inputs)]))
    loss = loss_of(b, model, state, entered[len(inputs) :], outputs)
    variables = model.trainable_variables
    gradients = differentiate(b, loss, [b.parameter(variable) for variable in variables])
    optimizer.emit_updates(b, zip(gradients, variables, strict=True))
    (value,) = evaluate(verify(b.build([loss])), [*inputs, *targets])
    if "theano" in file.record["writer"]:
        add_epsilons(model)
    return value, flatten(model.predict(inputs[0] if len(inputs) == 1 else inputs, verbose=0))


def add_epsilons(model: Model) -> None:
    """Theano's BatchNormalization took the batch's variance with epsilon into its moving one."""
    for layer in model.layers:
        if isinstance(layer, BatchNormalization):
            layer.moving_variance.assign_add((1 - layer.momentum) * layer.epsilon)


def test_there_are_such_files():
    assert len(FILES) > 70
    assert {"keras1_theano", "tfkeras2_10", "tfkeras2_13", "keras3"} <= {file.record["era"] for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.record['era']}-{file.record['name']}-{file.kind}")
def test_the_next_step(file):
    loss, outputs = continued(file.load(), file)
    with np.load(FOLDER / file.record["npz"]) as archive:
        assert_close(loss, archive["train_loss"].reshape(-1)[0], "loss")
    for actual, wanted in zip(outputs, file.arrays("train_output"), strict=True):
        assert_close(actual, wanted)


def test_optimizers_have_the_same_names_everywhere():
    for name in ("SGD", "Adam"):
        assert type(read_optimizer(name)) is getattr(optimizers, name)
