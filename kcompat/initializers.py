"""Initial values of weights; see keras.initializers.

A seeded initializer gives the same values on every call. The generator is NumPy's, so values are
distributed as Keras's and are not the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from .config import (
    Bool,
    Configurable,
    Field,
    Float,
    Int,
    Kind,
    Numbers,
    object_kind,
    one_of,
    optional,
    registered,
)
from .config import serialize as serialize
from .errors import ArgumentError, ShapeError
from .ir.types import numpy_name
from .random import reserve_seed
from .windows import WINDOWS, get_window

_MODULE = "keras.initializers"
Shape = tuple[int, ...]


def _parse_seed(value: Any, owner: Any) -> Any:
    if value is None or (isinstance(value, Mapping) and value.get("class_name") == "SeedGenerator"):
        return value
    return Int.parse(value, owner)


SeedKind = Kind("an integer, a SeedGenerator's config or None", _parse_seed)


class Initializer(Configurable):
    """Makes the first value of a weight from its shape and dtype."""

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        return np.asarray(self.sample(tuple(shape)), dtype=numpy_name(dtype or "float32"))

    def sample(self, shape: Shape) -> np.ndarray:
        """Values in float64. Subclasses define this, or `__call__`."""
        raise NotImplementedError


class _Seeded(Initializer):
    seed = Field(SeedKind, None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reserved = reserve_seed()

    @cached_property
    def _entropy(self) -> int:
        seed = self.seed["config"].get("seed") if isinstance(self.seed, Mapping) else self.seed
        return self._reserved() if seed is None else abs(seed)

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self._entropy)


@registered(_MODULE, "zeros", "zero")
class Zeros(Initializer):
    """Zeros."""

    def sample(self, shape: Shape) -> np.ndarray:
        return np.zeros(shape)


@registered(_MODULE, "ones", "one")
class Ones(Initializer):
    """Ones."""

    def sample(self, shape: Shape) -> np.ndarray:
        return np.ones(shape)


@registered(_MODULE, "constant")
class Constant(Initializer):
    """One value, or an array that broadcasts to the shape."""

    value = Field(Numbers, 0.0)

    def sample(self, shape: Shape) -> np.ndarray:
        return np.broadcast_to(np.asarray(self.value, np.float64), shape).copy()


@registered(_MODULE, "identity", "IdentityInitializer")
class Identity(Initializer):
    """`gain` on the diagonal of a matrix."""

    gain = Field(Float, 1.0, keras1="scale", optional_key=True)

    def sample(self, shape: Shape) -> np.ndarray:
        if len(shape) != 2:
            raise ArgumentError(f"Identity makes matrices, received shape {shape}")
        return self.gain * np.eye(*shape)


@registered(_MODULE, "random_normal", "normal")
class RandomNormal(_Seeded):
    """Normal with `mean` and `stddev`."""

    positional = ("mean", "stddev", "seed")

    mean = Field(Float, 0.0)
    stddev = Field(Float, 0.05)

    def sample(self, shape: Shape) -> np.ndarray:
        return self.rng().normal(self.mean, self.stddev, shape)


@registered(_MODULE, "truncated_normal")
class TruncatedNormal(_Seeded):
    """Normal with `mean` and `stddev`, redrawn until within two standard deviations."""

    positional = ("mean", "stddev", "seed")

    mean = Field(Float, 0.0)
    stddev = Field(Float, 0.05)

    def sample(self, shape: Shape) -> np.ndarray:
        return self.mean + self.stddev * draw_truncated_normal(self.rng(), shape)


@registered(_MODULE, "random_uniform", "uniform")
class RandomUniform(_Seeded):
    """Uniform in [minval, maxval)."""

    positional = ("minval", "maxval", "seed")

    minval = Field(Float, -0.05)
    maxval = Field(Float, 0.05)

    def sample(self, shape: Shape) -> np.ndarray:
        return self.rng().uniform(self.minval, self.maxval, shape)


_OptionalAxes = optional(Kind("a list of axes", lambda value, owner: list(value)))


def _parse_positive(value: Any, owner: Any) -> float:
    number = Float.parse(value, owner)
    if not number > 0:
        raise ValueError
    return number


_Positive = Kind("a positive number", _parse_positive)


def _distribution(value: Any, owner: Any) -> str:
    allowed = one_of("normal", "uniform", "truncated_normal", "untruncated_normal")
    return str({"normal": "truncated_normal"}.get(word := allowed.parse(value, owner), word))


class _FanScaled(_Seeded):
    """Variance `scale / n`, n the fan by `mode`. Distributions: Glorot 2010, He 2015, LeCun 1998."""

    scale: Any = 1.0
    mode: Any = "fan_in"
    distribution: Any = "truncated_normal"
    input_axes: Any = None
    output_axes: Any = None

    def sample(self, shape: Shape) -> np.ndarray:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return self.rng().uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return self.rng().normal(0, math.sqrt(variance), shape)
        return math.sqrt(variance) / TRUNCATED_STDDEV * draw_truncated_normal(self.rng(), shape)


TRUNCATED_STDDEV = 0.87962566103423978
"""Standard deviation of a standard normal truncated to [-2, 2]."""


@registered(_MODULE, "variance_scaling")
class VarianceScaling(_FanScaled):
    """Any scale, fan and distribution."""

    positional = ("scale", "mode", "distribution", "seed", "input_axes", "output_axes")

    scale = Field(_Positive, 1.0)
    mode = Field(one_of("fan_in", "fan_out", "fan_avg"), "fan_in")
    distribution = Field(Kind("a distribution's name", _distribution), "truncated_normal")
    input_axes = Field(_OptionalAxes, None)
    output_axes = Field(_OptionalAxes, None)


def _fan_scaled(name: str, alias: str, scale: float, mode: str, distribution: str) -> type[_FanScaled]:
    """One of the named special cases of VarianceScaling."""
    body = {
        "__doc__": f"Variance {scale:g} / {mode}, {distribution}.",
        "__module__": __name__,
        "scale": scale,
        "mode": mode,
        "distribution": distribution,
        "input_axes": Field(_OptionalAxes, None),
        "output_axes": Field(_OptionalAxes, None),
    }
    return registered(_MODULE, alias)(type(name, (_FanScaled,), body))


GlorotUniform = _fan_scaled("GlorotUniform", "glorot_uniform", 1.0, "fan_avg", "uniform")
GlorotNormal = _fan_scaled("GlorotNormal", "glorot_normal", 1.0, "fan_avg", "truncated_normal")
HeUniform = _fan_scaled("HeUniform", "he_uniform", 2.0, "fan_in", "uniform")
HeNormal = _fan_scaled("HeNormal", "he_normal", 2.0, "fan_in", "truncated_normal")
LecunUniform = _fan_scaled("LecunUniform", "lecun_uniform", 1.0, "fan_in", "uniform")
LecunNormal = _fan_scaled("LecunNormal", "lecun_normal", 1.0, "fan_in", "truncated_normal")


@registered(_MODULE, "orthogonal", "OrthogonalInitializer")
class Orthogonal(_Seeded):
    """An orthogonal matrix times `gain` (Saxe et al. 2014); leading axes are flattened into rows."""

    positional = ("gain", "seed")

    gain = Field(Float, 1.0, keras1="scale")

    def sample(self, shape: Shape) -> np.ndarray:
        if len(shape) < 2:
            raise ArgumentError(f"Orthogonal needs at least two axes, received shape {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(self.rng().normal(size=(max(rows, columns), min(rows, columns))))
        q = q * np.sign(np.diag(r))
        return self.gain * (q.T if rows < columns else q).reshape(shape)


def _parse_window(value: Any, owner: Any) -> Any:
    if value is None or (isinstance(value, str) and value in WINDOWS):
        return value
    if isinstance(value, str):
        raise ValueError
    return Numbers.parse(value, owner)


@registered(_MODULE, "stft", "STFTInitializer")
class STFT(Initializer):
    """The real or imaginary part of a windowed Fourier transform, as weight of a convolution.

    Shape (frame length, 1, fft length // 2 + 1). window: a name of `kcompat.windows.WINDOWS`, the
    window's values, or None. scaling: "density", "spectrum" or None. Source: keras.initializers.STFT.
    """

    positional = ("side", "window", "scaling", "periodic")

    side = Field(one_of("real", "imag"), "real")
    window = Field(Kind(f"one of {', '.join(WINDOWS)}, a list of numbers or None", _parse_window), "hann")
    periodic = Field(Bool, False)
    scaling = Field(one_of("density", "spectrum", None), "density")

    def sample(self, shape: Shape) -> np.ndarray:
        frames, _, bins = shape
        angles = -2 * np.pi * np.arange(frames)[:, None] * np.arange(bins) / (2 * (bins - 1))
        kernel = np.cos(angles) if self.side == "real" else np.sin(angles)
        return np.broadcast_to((kernel * self._weights(frames)[:, None])[:, None, :], shape).copy()

    def _weights(self, length: int) -> np.ndarray:
        """The window, scaled."""
        if self.window is None:
            return np.ones(length)
        named = isinstance(self.window, str)
        window = get_window(self.window, length, self.periodic) if named else np.asarray(self.window)
        if window.shape != (length,):
            raise ShapeError(f"{self}: the window has shape {window.shape}, the frames have length {length}")
        scale = {"density": np.sqrt(np.sum(window**2)), "spectrum": np.sum(np.abs(window)), None: 1.0}
        return window / scale[self.scaling]


def draw_truncated_normal(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Standard normal values within [-2, 2], by redrawing."""
    values = rng.normal(size=math.prod(shape))
    while (outside := np.abs(values) > 2).any():
        values[outside] = rng.normal(size=int(outside.sum()))
    return values.reshape(shape)


def compute_fans(shape: Shape, input_axes: Any = None, output_axes: Any = None) -> tuple[float, float]:
    """Inputs and outputs of one unit of a weight whose last two axes are inputs and outputs."""
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[a] for a in input_axes), math.prod(shape[a] for a in output_axes)
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


class _Function(Initializer):
    """A user's function `(shape, dtype) -> array`; it cannot be written to a file."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        return np.asarray(self.function(tuple(shape), dtype=dtype or "float32"), numpy_name(dtype or "float32"))

    def get_config(self) -> dict[str, Any]:
        raise ArgumentError(
            f"an initializer that is a Python function ({self.function!r}) cannot be written; "
            "subclass kcompat.initializers.Initializer with a get_config"
        )


def _array_function(array: np.ndarray) -> _Function:
    def given(shape: Shape, dtype: str) -> np.ndarray:
        if shape != array.shape:
            raise ShapeError(f"an initializer given as array has shape {array.shape}, the weight has {shape}")
        return array.astype(numpy_name(dtype))

    return _Function(given)


def _from_callable(value: Any, owner: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return _array_function(np.asarray(value))
    known = callable(value) and not isinstance(value, (type, Configurable))
    return _Function(value) if known else _Objects.parse(value, owner)


_Objects = object_kind(_MODULE, "an initializer, its name, its config, a function or an array")
InitializerKind = Kind(_Objects.name, _from_callable, _Objects.serialize)

zeros, ones, constant, identity, orthogonal, stft = Zeros, Ones, Constant, Identity, Orthogonal, STFT
random_normal, random_uniform = RandomNormal, RandomUniform
variance_scaling, truncated_normal = VarianceScaling, TruncatedNormal
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal = HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
IdentityInitializer, OrthogonalInitializer, STFTInitializer = Identity, Orthogonal, STFT


def get(identifier: Any) -> Initializer | None:
    """An initializer from an object, name, config, function, array or None."""
    return Field(InitializerKind).parse(identifier, "initializers.get")


def deserialize(config: Any) -> Initializer | None:
    """An initializer from what `serialize` returned, of any Keras release."""
    return get(config)
