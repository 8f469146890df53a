"""Activation functions: elementwise ones first, then those that look along an axis.

Definitions are those of keras.activations 3.15 (TensorFlow backend) unless noted.
"""

from __future__ import annotations

import numpy as np

from ..errors import ShapeError
from ..ir.operator import Bool, Float, Int, Ints, elementwise, operator
from ..ir.types import TensorType, normalize_axes, normalize_axis
from .special import erf as _erf

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(-x))).astype(x.dtype)


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(x, 0).astype(x.dtype)


def _relu(x: np.ndarray, *, negative_slope: float, max_value: float, threshold: float) -> np.ndarray:
    above = np.minimum(x, x.dtype.type(max_value))
    below = x.dtype.type(negative_slope) * (x - x.dtype.type(threshold))
    return np.where(np.isnan(x) | (x >= threshold), above, below) if threshold else np.where(x < 0, below, above)


def _gelu(x: np.ndarray, *, approximate: bool) -> np.ndarray:
    if approximate:
        inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
        return (0.5 * x * (1 + np.tanh(inner))).astype(x.dtype)
    return (0.5 * x * (1 + _erf(x / np.sqrt(2)))).astype(x.dtype)


def _elu(x: np.ndarray, *, alpha: float) -> np.ndarray:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))).astype(x.dtype)


def _selu(x: np.ndarray) -> np.ndarray:
    return (SELU_SCALE * _elu(x, alpha=SELU_ALPHA)).astype(x.dtype)


def _celu(x: np.ndarray, *, alpha: float) -> np.ndarray:
    return (np.maximum(x, 0) + np.minimum(alpha * np.expm1(np.minimum(x, 0) / alpha), 0)).astype(x.dtype)


def _hard_sigmoid(x: np.ndarray, *, alpha: float, beta: float) -> np.ndarray:
    return np.clip(alpha * x + beta, 0, 1).astype(x.dtype)


def _hard_silu(x: np.ndarray) -> np.ndarray:
    return (x * np.clip(x + 3, 0, 6) / 6).astype(x.dtype)


def _soft_shrink(x: np.ndarray, *, threshold: float) -> np.ndarray:
    return np.where(np.isnan(x), x, np.sign(x) * np.maximum(np.abs(x) - threshold, 0)).astype(x.dtype)


def _hard_shrink(x: np.ndarray, *, threshold: float) -> np.ndarray:
    return np.where(np.abs(x) <= threshold, 0, x).astype(x.dtype)


def _sparse_plus(x: np.ndarray) -> np.ndarray:
    return np.where(x <= -1, 0, np.where(x < 1, 0.25 * (x + 1) ** 2, x)).astype(x.dtype)


def _squareplus(x: np.ndarray, *, b: float) -> np.ndarray:
    return ((x + np.sqrt(x**2 + b)) / 2).astype(x.dtype)


def _threshold(x: np.ndarray, *, threshold: float, value: float) -> np.ndarray:
    return np.where(x > threshold, x, value).astype(x.dtype)


relu = elementwise(
    "relu",
    _relu,
    attrs={"negative_slope": Float(0.0), "max_value": Float(float("inf")), "threshold": Float(0.0)},
)
sigmoid = elementwise("sigmoid", _sigmoid, onnx="Sigmoid")
tanh = elementwise("tanh", np.tanh, onnx="Tanh")
erf = elementwise("erf", _erf, onnx="Erf")
gelu = elementwise("gelu", _gelu, attrs={"approximate": Bool(False)})
silu = elementwise("silu", lambda x: x * _sigmoid(x))
elu = elementwise("elu", _elu, attrs={"alpha": Float(1.0)}, onnx="Elu")
selu = elementwise("selu", _selu)
celu = elementwise("celu", _celu, attrs={"alpha": Float(1.0)}, onnx="Celu")
softplus = elementwise("softplus", _softplus, onnx="Softplus")
softsign = elementwise("softsign", lambda x: (x / (1 + np.abs(x))).astype(x.dtype), onnx="Softsign")
hard_sigmoid = elementwise(
    "hard_sigmoid", _hard_sigmoid, attrs={"alpha": Float(1 / 6), "beta": Float(0.5)}, onnx="HardSigmoid"
)
hard_silu = elementwise("hard_silu", _hard_silu, onnx="HardSwish")
mish = elementwise("mish", lambda x: x * np.tanh(_softplus(x)), onnx="Mish")
log_sigmoid = elementwise("log_sigmoid", lambda x: -_softplus(-x))
tanh_shrink = elementwise("tanh_shrink", lambda x: x - np.tanh(x))
soft_shrink = elementwise("soft_shrink", _soft_shrink, attrs={"threshold": Float(0.5)})
hard_shrink = elementwise("hard_shrink", _hard_shrink, attrs={"threshold": Float(0.5)})
sparse_plus = elementwise("sparse_plus", _sparse_plus)
squareplus = elementwise("squareplus", _squareplus, attrs={"b": Float(4.0)})
threshold = elementwise("threshold", _threshold, attrs={"threshold": Float(0.0), "value": Float(0.0)})


def _softmax_type(x: TensorType, *, axes: tuple[int, ...]) -> TensorType:
    normalize_axes(axes, x.rank)
    return x


def _softmax(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
    powers = np.exp(x - np.max(x, axis=axes, keepdims=True))
    return powers / np.sum(powers, axis=axes, keepdims=True)


def _log_softmax(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
    shifted = x - np.max(x, axis=axes, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axes, keepdims=True))


softmax = operator("softmax", "x", attrs={"axes": Ints((-1,))}, infer=_softmax_type, meaning=_softmax)
log_softmax = operator("log_softmax", "x", attrs={"axes": Ints((-1,))}, infer=_softmax_type, meaning=_log_softmax)


def _axis_type(x: TensorType, *, axis: int) -> TensorType:
    normalize_axis(axis, x.rank)
    return x


def _sparsemax(x: np.ndarray, *, axis: int) -> np.ndarray:
    """Euclidean projection onto the simplex (Martins & Astudillo 2016, algorithm 1)."""
    logits = np.moveaxis(x, axis, -1)
    ordered = -np.sort(-logits, axis=-1)
    ranks = np.arange(1, logits.shape[-1] + 1, dtype=x.dtype)
    sums = np.cumsum(ordered, axis=-1)
    support = np.sum(1 + ranks * ordered > sums, axis=-1, keepdims=True)
    tau = (np.take_along_axis(sums, np.maximum(support, 1) - 1, axis=-1) - 1) / support
    return np.moveaxis(np.maximum(logits - tau, 0), -1, axis).astype(x.dtype)


sparsemax = operator("sparsemax", "x", attrs={"axis": Int(-1)}, infer=_axis_type, meaning=_sparsemax)


def _glu_type(x: TensorType, *, axis: int) -> TensorType:
    axis = normalize_axis(axis, x.rank)
    size = x.shape[axis]
    if isinstance(size, int) and size % 2:
        raise ShapeError(f"glu halves axis {axis}, whose size {size} is odd")
    half = size // 2 if isinstance(size, int) else None
    return x.with_shape((*x.shape[:axis], half, *x.shape[axis + 1 :]))


def _glu(x: np.ndarray, *, axis: int) -> np.ndarray:
    value, gate = np.split(x, 2, axis=axis)
    return value * _sigmoid(gate)


glu = operator("glu", "x", attrs={"axis": Int(-1)}, infer=_glu_type, meaning=_glu)


prelu = elementwise("prelu", lambda x, slope: np.where(x < 0, slope * x, x), operands="x slope", onnx="PRelu")
