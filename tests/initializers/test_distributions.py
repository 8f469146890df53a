"""Statistics of random initializers, and what a seed means."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kcompat import initializers
from kcompat.initializers import Initializer, compute_fans
from kcompat.utils import set_random_seed

SHAPE = (3, 3, 40, 60)
FAN_IN, FAN_OUT = 360, 540
FAN_AVG = 450

DEVIATIONS = [
    (initializers.GlorotUniform(seed=1), 1 / FAN_AVG),
    (initializers.GlorotNormal(seed=1), 1 / FAN_AVG),
    (initializers.HeUniform(seed=1), 2 / FAN_IN),
    (initializers.HeNormal(seed=1), 2 / FAN_IN),
    (initializers.LecunUniform(seed=1), 1 / FAN_IN),
    (initializers.LecunNormal(seed=1), 1 / FAN_IN),
    (initializers.VarianceScaling(3.0, "fan_out", "normal", seed=1), 3 / FAN_OUT),
    (initializers.VarianceScaling(3.0, "fan_out", "untruncated_normal", seed=1), 3 / FAN_OUT),
    (initializers.VarianceScaling(0.5, "fan_avg", "uniform", seed=1), 0.5 / FAN_AVG),
    (initializers.VarianceScaling(input_axes=[2], output_axes=[3], seed=1), 1 / 40),
    (initializers.RandomNormal(0.0, 0.3, seed=1), 0.09),
    (initializers.RandomUniform(-0.6, 0.6, seed=1), 0.12),
    (initializers.TruncatedNormal(0.0, 0.3, seed=1), 0.09 * 0.87962566103423978**2),
]


def label(value: object) -> str | None:
    return str(value) if isinstance(value, Initializer) else None


@pytest.mark.parametrize(("initializer", "variance"), DEVIATIONS, ids=label)
def test_mean_and_variance(initializer: Initializer, variance: float) -> None:
    values = initializer(SHAPE)
    assert values.dtype == np.float32
    assert values.shape == SHAPE
    deviation = math.sqrt(variance)
    assert abs(values.mean()) < 5 * deviation / math.sqrt(values.size)
    assert values.std() == pytest.approx(deviation, rel=0.02)


@pytest.mark.parametrize(
    ("initializer", "limit"),
    [
        (initializers.GlorotUniform(seed=2), math.sqrt(6 / (FAN_IN + FAN_OUT))),
        (initializers.HeUniform(seed=2), math.sqrt(6 / FAN_IN)),
        (initializers.LecunUniform(seed=2), math.sqrt(3 / FAN_IN)),
        (initializers.TruncatedNormal(0.0, 0.3, seed=2), 0.6),
        (initializers.HeNormal(seed=2), 2 * math.sqrt(2 / FAN_IN) / 0.87962566103423978),
    ],
    ids=label,
)
def test_limits(initializer: Initializer, limit: float) -> None:
    largest = np.abs(initializer(SHAPE)).max()
    assert 0.98 * limit < largest <= limit * (1 + 1e-6)


def test_mean_and_bounds_are_where_they_were_asked_for() -> None:
    assert initializers.RandomNormal(5.0, 0.1, seed=3)((1000,)).mean() == pytest.approx(5.0, abs=0.02)
    assert initializers.TruncatedNormal(5.0, 0.1, seed=3)((1000,)).mean() == pytest.approx(5.0, abs=0.02)
    values = initializers.RandomUniform(2.0, 3.0, seed=3)((1000,))
    assert 2.0 <= values.min() < 2.02
    assert 2.98 < values.max() <= 3.0


@pytest.mark.parametrize("shape", [(5, 5), (7, 4), (4, 7), (3, 3, 2, 6), (2, 2, 2, 20)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    values = initializers.Orthogonal(gain=2.0, seed=4)(shape)
    matrix = values.reshape(-1, shape[-1])
    short = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    np.testing.assert_allclose(short @ short.T, 4 * np.eye(len(short)), atol=1e-5)


RANDOM = ["RandomNormal", "RandomUniform", "TruncatedNormal", "GlorotUniform", "HeNormal", "Orthogonal"]


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_gives_the_same_values_on_every_call(name: str) -> None:
    make = getattr(initializers, name)
    first = make(seed=7)
    np.testing.assert_array_equal(first((4, 5)), first((4, 5)))
    np.testing.assert_array_equal(first((4, 5)), make(seed=7)((4, 5)))
    np.testing.assert_array_equal(first((4, 5)), type(first).from_config(first.get_config())((4, 5)))
    assert not np.array_equal(first((4, 5)), make(seed=8)((4, 5)))


@pytest.mark.parametrize("name", RANDOM)
def test_without_a_seed_objects_differ_and_the_global_seed_decides(name: str) -> None:
    make = getattr(initializers, name)
    assert not np.array_equal(make()((4, 5)), make()((4, 5)))
    set_random_seed(11)
    first = make()((4, 5))
    set_random_seed(11)
    np.testing.assert_array_equal(first, make()((4, 5)))


def test_a_seed_generators_config_is_a_seed() -> None:
    config = {"module": "keras.random", "class_name": "SeedGenerator", "config": {"name": "s", "seed": 7}}
    initializer = initializers.GlorotUniform(seed=config)
    np.testing.assert_array_equal(initializer((4, 5)), initializers.GlorotUniform(seed=7)((4, 5)))
    assert initializer.get_config()["seed"] == config


@pytest.mark.parametrize("name", RANDOM[:5])
def test_scalar_weights(name: str) -> None:
    assert getattr(initializers, name)(seed=1)(()).shape == ()


@pytest.mark.parametrize(
    ("shape", "fans"), [((), (1, 1)), ((4,), (4, 4)), ((3, 5), (3, 5)), ((3, 3, 2, 7), (18, 63)), ((2, 3, 4), (6, 8))]
)
def test_fans(shape: tuple[int, ...], fans: tuple[int, int]) -> None:
    assert compute_fans(shape) == fans


def test_fans_of_named_axes() -> None:
    assert compute_fans((3, 4, 5, 6), [0, 1], [2]) == (12, 5)
