"""Optimizers and schedules against what real Keras computes, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from training_cases import arrays, assert_close, expected, records

import kcompat
from kcompat import constraints, ops, optimizers
from kcompat.errors import ArgumentError, WeightMismatchError
from kcompat.ir import Variable, verify
from kcompat.ir.types import type_of
from kcompat.layers.emitter import Emitter
from kcompat.optimizers import schedules
from kcompat.passes.differentiate import differentiate
from kcompat.reference import evaluate

CASES = records("optimizers")
SCHEDULES = records("schedules")
NAMES = ("kernel", "bias")


def start() -> list[Variable]:
    stored = arrays("optimizers")
    return [Variable(name, stored[f"start_{name}"].shape).assign(stored[f"start_{name}"]) for name in NAMES]


def made(record: dict[str, Any]) -> optimizers.Optimizer:
    arguments = dict(record["arguments"])
    if record["schedule"] is not None:
        cls, config = record["schedule"]
        arguments["learning_rate"] = getattr(schedules, cls)(**config)
    optimizer = getattr(optimizers, record["class"])(**arguments, name="opt")
    if record["exclude"]:
        optimizer.exclude_from_weight_decay(var_names=record["exclude"])
    return optimizer


def step_graph(optimizer: optimizers.Optimizer, variables: list[Variable], lookup: bool) -> Any:
    """One step as a graph: of given gradients, or of the gradient of what is looked up in the first variable."""
    stored, b = arrays("optimizers"), Emitter()
    if lookup:
        rows, places = b.input(type_of(stored["rows"][0])), b.input(type_of(stored["places"][0]))
        found = b.gather(b.parameter(variables[0]), places)
        (gradient,) = differentiate(b, b.mul(found, rows), [b.parameter(variables[0])])
    else:
        gradient = b.input(type_of(stored["gradient_kernel"][0]))
    gradients = [gradient, b.input(type_of(stored["gradient_bias"][0]))]
    optimizer.emit_updates(b, zip(gradients, variables, strict=True))
    return verify(b.build([]))


@pytest.mark.parametrize("record", CASES, ids=lambda record: record["name"])
def test_steps(record):
    stored = arrays("optimizers")
    optimizer, variables = made(record), start()
    if record["constraint"] is not None:
        variables[0].constraint = constraints.get(record["constraint"])
    optimizer.build(variables)
    graph = step_graph(optimizer, variables, record["lookup"])
    keys = ["rows", "places"] if record["lookup"] else ["gradient_kernel"]
    wanted = {name: expected("optimizers", record, name) for name in NAMES}
    for step in range(len(stored["rows"])):
        overflow = np.float32(np.inf if step in record["overflows"] else 0)
        evaluate(graph, [stored[key][step] for key in keys] + [stored["gradient_bias"][step] + overflow])
        for variable in variables:
            assert_close(variable.value, wanted[variable.name][step], f"{variable.name} after step {step + 1}")
    assert len(optimizer.variables) == len(record["variables"])
    for place, variable in enumerate(optimizer.variables):
        assert_close(variable.value, expected("optimizers", record, f"slot_{place}"), variable.path)
        assert variable.value.dtype == expected("optimizers", record, f"slot_{place}").dtype


@pytest.mark.parametrize("record", CASES, ids=lambda record: record["name"])
def test_configs_and_names(record):
    optimizer = made(record)
    assert optimizer.get_config() == record["config"]
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again) is type(optimizer)
    assert again.get_config() == optimizer.get_config()
    optimizer.build(start())
    if record["class"] not in ("Nadam", "Adafactor"):  # whose variables Keras names outside of the optimizer
        assert [variable.path for variable in optimizer.variables] == record["variables"]


def test_apply_makes_a_step_at_once():
    record = next(record for record in CASES if record["class"] == "Adam" and not record["lookup"])
    optimizer, variables, stored = made(record), start(), arrays("optimizers")
    optimizer.apply_gradients(zip([stored[f"gradient_{name}"][0] for name in NAMES], variables, strict=True))
    optimizer.apply([stored[f"gradient_{name}"][1] for name in NAMES])
    assert_close(variables[0].value, expected("optimizers", record, "kernel")[1])
    assert int(optimizer.iterations) == 2


def test_the_learning_rate_can_be_set_without_a_new_graph():
    optimizer, variables = optimizers.SGD(0.5), start()
    graph = step_graph(optimizer, variables, False)
    before = variables[1].numpy()
    optimizer.learning_rate = 0.0
    gradients = [np.ones((4, 3), "f"), np.ones(3, "f")]
    evaluate(graph, gradients)
    np.testing.assert_array_equal(variables[1].value, before)
    optimizer.learning_rate = 2.0
    evaluate(graph, gradients)
    assert_close(variables[1].value, before - 2)
    assert float(optimizer.learning_rate) == 2.0
    optimizer.learning_rate = optimizer.learning_rate * 0.5
    assert optimizer.learning_rate < 1.5
    assert optimizer.learning_rate.numpy() == 1.0


def test_schedules_as_learning_rates():
    optimizer = optimizers.SGD(schedules.ExponentialDecay(1.0, 1, 0.5))
    variable = Variable("w", ())
    for _ in range(3):
        optimizer.apply([1.0], [variable])
    assert_close(variable.value, -1.75)
    assert optimizer.learning_rate == 0.125
    with pytest.raises(ArgumentError, match="is a schedule and cannot be set"):
        optimizer.learning_rate = 0.1


@pytest.mark.parametrize("record", SCHEDULES, ids=lambda record: record["name"])
def test_schedules(record):
    schedule = getattr(schedules, record["class"])(**record["arguments"])
    rates = [schedule(step) for step in range(40)]
    assert_close(rates, expected("schedules", record, "rates"))
    assert all(np.asarray(rate).dtype == np.float32 for rate in rates)
    assert schedule.get_config() == record["config"]
    assert schedules.deserialize(schedules.serialize(schedule)).get_config() == record["config"]


class Halving(schedules.LearningRateSchedule):
    def __call__(self, step):
        return ops.divide(1.0, ops.cast(step, "float32") + 1.0)


def test_own_schedules():
    optimizer, variable = optimizers.SGD(Halving()), Variable("w", ())
    for _ in range(3):
        optimizer.apply([1.0], [variable])
    assert_close(variable.value, -(1 + 1 / 2 + 1 / 3))


def positive_rows(w):
    return ops.maximum(w, 0.5)


def test_own_constraints():
    variable = Variable("w", (2,)).assign([1.0, 0.0])
    variable.constraint = positive_rows
    optimizers.SGD(0.1).apply([[1.0, 1.0]], [variable])
    assert_close(variable.value, [0.9, 0.5])


def test_variables_without_gradients_stay():
    variables = start()
    before = variables[0].numpy()
    with pytest.warns(UserWarning, match=r"gradients do not exist for variables \['kernel'\]"):
        optimizers.Adam().apply([None, np.ones(3)], variables)
    np.testing.assert_array_equal(variables[0].value, before)
    with pytest.raises(ArgumentError, match="no gradients for any variable"):
        optimizers.Adam().apply([None, None], variables)


def test_weights_of_optimizers():
    optimizer = optimizers.Adam()
    optimizer.build(start())
    values = [np.full(variable.shape, 2) for variable in optimizer.variables]
    optimizer.set_weights(values)
    assert int(optimizer.iterations) == 2
    with pytest.raises(WeightMismatchError, match=r"adam_?[0-9]*/iteration"):
        optimizer.set_weights(values[:-1])


def test_averages_take_the_place_of_variables_at_the_end():
    optimizer, variables = optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), start()
    for _ in range(2):
        optimizer.apply([np.ones((4, 3)), np.ones(3)], variables)
    average = optimizer.variables[2].numpy()
    optimizer.finalize_variable_values(variables)
    np.testing.assert_array_equal(variables[0].value, average)


def test_optimizers_by_name():
    assert type(optimizers.get("RMSprop")) is type(optimizers.get("rmsprop")) is optimizers.RMSprop
    assert kcompat.keras.optimizers.Adam is optimizers.Adam
    assert optimizers.get(None) is None
    with pytest.raises(ArgumentError, match="unknown optimizer 'adams'"):
        optimizers.get("adams")


def test_what_is_wrong_is_told():
    with pytest.raises(ArgumentError, match="only one of clipnorm"):
        optimizers.SGD(clipnorm=1.0, clipvalue=1.0)
    with pytest.raises(ArgumentError, match="gradient_accumulation_steps must be 2 or more"):
        optimizers.SGD(gradient_accumulation_steps=1)
    with pytest.raises(ArgumentError, match="unrecognized argument 'lr'"):
        optimizers.SGD(lr=0.1)
    with pytest.warns(UserWarning, match="'decay' has no meaning since Keras 3"):
        optimizers.SGD(decay=0.1)
    with pytest.raises(ArgumentError, match="'learning_rate' must be a number or a LearningRateSchedule"):
        optimizers.SGD("fast")
    with pytest.raises(ArgumentError, match="'decay_steps' must be above 0"):
        schedules.ExponentialDecay(0.1, 0, 0.5)
    with pytest.raises(ArgumentError, match="2 boundaries and 2 values"):
        schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2])
    optimizer = optimizers.SGD(momentum=0.9)
    optimizer.build(start())
    with pytest.raises(ArgumentError, match="was not built for 'other'"):
        optimizer.apply([1.0], [Variable("other", ())])
    with pytest.raises(ArgumentError, match="comes before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])


def test_several_optimizers():
    slow, fast = optimizers.SGD(0.0), optimizers.SGD(1.0)
    choose = optimizers.OptimizerMap(slow)
    choose["bias"] = fast
    optimizer, variables = optimizers.MultiOptimizer(choose), start()
    before = [variable.numpy() for variable in variables]
    optimizer.apply([np.ones((4, 3)), np.ones(3)], variables)
    np.testing.assert_array_equal(variables[0].value, before[0])
    assert_close(variables[1].value, before[1] - 1)
    assert optimizer.optimizers == [fast, slow]
    with pytest.raises(AttributeError, match="has no learning rate"):
        _ = optimizer.learning_rate
    with pytest.raises(ArgumentError, match="has an optimizer for 'bias'"):
        choose["bias"] = slow
    choose[".*as"] = slow
    choose["b.*"] = slow
    with pytest.raises(ArgumentError, match="several patterns match 'bas'"):
        _ = choose["bas"]
    by_function = optimizers.MultiOptimizer(lambda variable: fast if variable.ndim == 1 else slow)
    by_function.build(variables)
    assert len(by_function.optimizers) == 2
