"""`keras.random`: random numbers, as arrays, or as symbols in functions that are traced.

They are those of `operators/random.py`: other numbers than TensorFlow's, the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..ir import Value
from ..ir.types import is_float, numpy_name
from ..ir.variable_operators import TRACE
from ..layers.emitter import Emitter
from ..layers.operations.operation import standard_dtype
from ..layers.random_stream import RandomStream
from ..layers.seed_generator import SeedGenerator
from ..layers.sizes import like
from ..layers.symbolic import KerasTensor
from ..reference import evaluate
from ..settings import floatx
from .function import named

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

Seed = int | SeedGenerator | None
_shared = SeedGenerator()


def _stream(seed: Any) -> RandomStream:
    """Where numbers come from: a generator's, the owner's of the function that is traced, or one of a fixed seed."""
    if isinstance(seed, SeedGenerator):
        return seed.stream
    if seed is not None:
        return RandomStream(int(seed), "seed")
    trace = TRACE.get()
    return _shared.stream if trace is None else trace.owner.stream


def _drawn(draw: Callable[[Emitter, Value], Value], shape: Any, dtype: Any) -> Any:
    """What a draw gives for a shape: at once, or as part of the graph that is traced."""
    dtype = standard_dtype(dtype or floatx())
    trace = TRACE.get()
    b = Emitter() if trace is None else trace.b
    values = draw(b, like(b, tuple(shape)))
    values = b.cast(values, dtype=dtype) if is_float(dtype) else b.float_to_int(values, dtype=dtype)
    return evaluate(b.build([values]), [])[0] if trace is None else trace.symbol(values)


def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Seed = None) -> Any:
    """Numbers of a normal distribution. Source: keras.random.normal."""
    stream = _stream(seed)
    return _drawn(lambda b, x: stream.normal(b, x), shape, dtype) * stddev + mean


def uniform(shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Seed = None) -> Any:
    """Numbers in [minval, maxval). Source: keras.random.uniform."""
    stream = _stream(seed)
    return _drawn(lambda b, x: stream.uniform(b, x), shape, dtype) * (maxval - minval) + minval


def randint(shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Seed = None) -> Any:
    """Integers from minval to maxval - 1. Source: keras.random.randint."""
    stream = _stream(seed)

    def draw(b: Emitter, x: Value) -> Value:
        return b.floor(b.add(b.mul(stream.uniform(b, x), float(maxval - minval)), float(minval)))

    return _drawn(draw, shape, dtype)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Seed = None) -> Any:
    """For each row (batch, classes) class numbers (batch, num_samples), as likely as softmax says.

    Source: keras.random.categorical.
    """
    ops = named
    batch, classes = _shape(logits)
    tiny = float(np.finfo(np.float32).tiny)
    draws = ops("", "maximum")(uniform((batch, num_samples, classes), seed=seed), tiny)
    noise = -ops("", "log")(-ops("", "log")(draws))
    chosen = ops("", "argmax")(ops("", "expand_dims")(logits, 1) + noise, axis=-1)
    return ops("", "cast")(chosen, dtype)


def _shape(x: Any) -> tuple[Any, ...]:
    from .creation import shape

    return shape(x)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Seed = None) -> Any:
    """inputs, of whose elements a share of `rate` is zero, the others scaled by 1 / (1 - rate).

    Source: keras.random.dropout.
    """
    shape = _shape(inputs) if noise_shape is None else noise_shape
    kept = named("", "cast")(uniform(shape, seed=seed) >= rate, "float32")
    return inputs * kept * (0.0 if rate == 1 else 1 / (1 - rate))


def shuffle(x: Any, axis: int = 0, seed: Seed = None) -> Any:
    """x in another order along an axis. Source: keras.random.shuffle."""
    order = named("", "argsort")(uniform((_shape(x)[axis],), seed=seed))
    return named("", "take")(x, order, axis=axis)


# --- of arrays alone ----------------------------------------------------------------


def _generator(name: str, seed: Seed, *operands: Any) -> np.random.Generator:
    if TRACE.get() is not None or any(isinstance(x, KerasTensor) for x in operands):
        raise ArgumentError(f"random.{name} is not for functions of symbols; draw with normal() or uniform() there")
    generator = seed if isinstance(seed, SeedGenerator) else SeedGenerator(seed) if seed is not None else _shared
    return np.random.default_rng(generator.next().tolist())


def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Seed = None) -> Any:
    """Numbers of a normal distribution, within two deviations. Source: keras.random.truncated_normal."""
    rng = _generator("truncated_normal", seed)
    values = rng.standard_normal(math.prod(shape))
    while (outside := np.abs(values) > 2).any():
        values[outside] = rng.standard_normal(int(outside.sum()))
    return (values.reshape(shape) * stddev + mean).astype(numpy_name(standard_dtype(dtype or floatx())))


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Seed = None) -> Any:
    """Numbers of a gamma distribution of scale one. Source: keras.random.gamma."""
    return _generator("gamma", seed, alpha).gamma(alpha, size=shape).astype(numpy_name(dtype or floatx()))


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Seed = None) -> Any:
    """Numbers of a beta distribution. Source: keras.random.beta."""
    return _generator("beta", seed, alpha, beta).beta(alpha, beta, size=shape).astype(numpy_name(dtype or floatx()))


def binomial(shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Seed = None) -> Any:
    """How many of `counts` trials succeed. Source: keras.random.binomial."""
    rng = _generator("binomial", seed, counts, probabilities)
    counts = np.asarray(counts, np.int64)
    return rng.binomial(counts, probabilities, size=shape).astype(numpy_name(dtype or floatx()))
