"""Sizes that a file merely states take no memory until they must, and then are refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

import kcompat
from kcompat.errors import ResourceError
from kcompat.models import model_from_json


def sequential(*layers: dict) -> str:
    head = {"class_name": "InputLayer", "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "x"}}
    return json.dumps({"class_name": "Sequential", "config": {"name": "m", "layers": [head, *layers]}})


def test_a_huge_layer_costs_nothing_until_its_weights_are_needed() -> None:
    model = model_from_json(
        sequential({"class_name": "Dense", "config": {"name": "d", "trainable": True, "units": 10**12}})
    )
    assert model.count_params() == 5 * 10**12
    with pytest.raises(ResourceError, match=r"weight 'd/kernel': .* over the budget"):
        model.predict(np.ones((1, 4)), verbose=0)


def test_a_huge_result_is_refused_before_it_is_computed() -> None:
    model = model_from_json(
        sequential({"class_name": "RepeatVector", "config": {"name": "r", "trainable": True, "n": 10**10}})
    )
    with pytest.raises(ResourceError, match=r"layer 'r' \(RepeatVector\).* over the budget"):
        model.predict(np.ones((1, 4)), verbose=0)


def test_what_fits_the_budget_runs() -> None:
    model = kcompat.Sequential([kcompat.Input((4,)), kcompat.layers.RepeatVector(1000)])
    assert model.predict(np.ones((1, 4)), verbose=0).shape == (1, 1000, 4)
