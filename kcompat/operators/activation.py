"""Activation functions: elementwise ones first, then those that look along an axis.

Definitions are those of keras.activations 3.15 (TensorFlow backend) unless noted.
"""

from __future__ import annotations

import numpy as np

from ..errors import ShapeError
from ..ir.operator import Bool, Float, Int, Ints, elementwise, not_differentiable, operator
from ..ir.types import TensorType, normalize_axes, normalize_axis
from . import activation_gradients as gradients
from .floating import function, require_float
from .gradients import binary, unary
from .special import SELU_ALPHA, SELU_SCALE
from .special import erf as _erf


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(-x))).astype(x.dtype)


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(x, 0).astype(x.dtype)


def _relu(x: np.ndarray, *, negative_slope: float, max_value: float, threshold: float) -> np.ndarray:
    above = np.minimum(x, max_value)
    below = negative_slope * (x - threshold) if negative_slope else np.zeros_like(x)
    passes = x > threshold if threshold else ~(x <= 0)
    return np.where(passes, above, below).astype(x.dtype)


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
    return np.where(x > threshold, x - threshold, np.where(x < -threshold, x + threshold, 0)).astype(x.dtype)


def _hard_shrink(x: np.ndarray, *, threshold: float) -> np.ndarray:
    return np.where(np.abs(x) > threshold, x, 0).astype(x.dtype)


def _sparse_plus(x: np.ndarray) -> np.ndarray:
    return np.where(x <= -1, 0, np.where(x < 1, 0.25 * (x + 1) ** 2, x)).astype(x.dtype)


def _squareplus(x: np.ndarray, *, b: float) -> np.ndarray:
    return ((x + np.sqrt(x**2 + b)) / 2).astype(x.dtype)


def _threshold(x: np.ndarray, *, threshold: float, value: float) -> np.ndarray:
    return np.where(x > threshold, x, value).astype(x.dtype)


def _relu_type(x: TensorType, *, negative_slope: float, max_value: float, threshold: float) -> TensorType:
    return require_float("relu with a slope", x) if negative_slope else x


relu = operator(
    "relu",
    "x",
    attrs={"negative_slope": Float(0.0), "max_value": Float(float("inf")), "threshold": Float(0.0)},
    infer=_relu_type,
    meaning=_relu,
    gradient=unary(gradients.relu),
    pointwise=True,
)
"""min(x, max_value) above the threshold, negative_slope * (x - threshold) elsewhere.

NaN gives NaN; with a threshold and without a slope it gives 0, as in Keras.
"""


sigmoid = function("sigmoid", _sigmoid, gradient=unary(gradients.sigmoid), onnx="Sigmoid")
tanh = function("tanh", np.tanh, gradient=unary(gradients.tanh), onnx="Tanh")
erf = function("erf", _erf, gradient=unary(gradients.erf), onnx="Erf")
gelu = function("gelu", _gelu, attrs={"approximate": Bool(False)}, gradient=unary(gradients.gelu))
silu = function("silu", lambda x: x * _sigmoid(x), gradient=unary(gradients.silu))
elu = function("elu", _elu, attrs={"alpha": Float(1.0)}, gradient=unary(gradients.elu), onnx="Elu")
selu = function("selu", _selu, gradient=unary(gradients.selu))
celu = function("celu", _celu, attrs={"alpha": Float(1.0)}, gradient=unary(gradients.celu), onnx="Celu")
softplus = function("softplus", _softplus, gradient=unary(gradients.softplus), onnx="Softplus")
softsign = function(
    "softsign",
    lambda x: (x / (1 + np.abs(x))).astype(x.dtype),
    gradient=unary(gradients.softsign),
    onnx="Softsign",
)
hard_sigmoid = function(
    "hard_sigmoid",
    _hard_sigmoid,
    attrs={"alpha": Float(1 / 6), "beta": Float(0.5)},
    gradient=unary(gradients.hard_sigmoid),
    onnx="HardSigmoid",
)
hard_silu = function("hard_silu", _hard_silu, gradient=unary(gradients.hard_silu), onnx="HardSwish")
mish = function("mish", lambda x: x * np.tanh(_softplus(x)), gradient=unary(gradients.mish), onnx="Mish")
log_sigmoid = function("log_sigmoid", lambda x: -_softplus(-x), gradient=unary(gradients.log_sigmoid))
tanh_shrink = function("tanh_shrink", lambda x: x - np.tanh(x), gradient=unary(gradients.tanh_shrink))
soft_shrink = function("soft_shrink", _soft_shrink, attrs={"threshold": Float(0.5)}, gradient=unary(gradients.shrink))
hard_shrink = function("hard_shrink", _hard_shrink, attrs={"threshold": Float(0.5)}, gradient=unary(gradients.shrink))
sparse_plus = function("sparse_plus", _sparse_plus, gradient=unary(gradients.sparse_plus))
squareplus = function("squareplus", _squareplus, attrs={"b": Float(4.0)}, gradient=gradients.squareplus)
threshold = function(
    "threshold",
    _threshold,
    attrs={"threshold": Float(0.0), "value": Float(0.0)},
    gradient=unary(gradients.threshold),
)


def _softmax_type(x: TensorType, *, axes: tuple[int, ...]) -> TensorType:
    normalize_axes(axes, x.rank)
    return require_float("softmax", x)


def _softmax(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
    powers = np.exp(x - np.max(x, axis=axes, keepdims=True))
    return powers / np.sum(powers, axis=axes, keepdims=True)


def _log_softmax(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
    shifted = x - np.max(x, axis=axes, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axes, keepdims=True))


_AXES = {"axes": Ints((-1,))}

softmax = operator(
    "softmax", "x", attrs=_AXES, infer=_softmax_type, meaning=_softmax, gradient=unary(gradients.softmax)
)
log_softmax = operator(
    "log_softmax", "x", attrs=_AXES, infer=_softmax_type, meaning=_log_softmax, gradient=unary(gradients.log_softmax)
)


def _axis_type(x: TensorType, *, axis: int) -> TensorType:
    normalize_axis(axis, x.rank)
    return require_float("sparsemax", x)


def _sparsemax(x: np.ndarray, *, axis: int) -> np.ndarray:
    """Keras's sparsemax, whose threshold adds up every partial sum of the support.

    Martins & Astudillo 2016, algorithm 1, take the last one only; results agree where the support
    has one element.
    """
    logits = np.moveaxis(x, axis, -1)
    ordered = -np.sort(-logits, axis=-1)
    sums = np.cumsum(ordered, axis=-1)
    support = ordered - (sums - 1) / np.arange(1, logits.shape[-1] + 1, dtype=x.dtype) > 0
    total = np.sum(np.where(support, sums, 0), axis=-1, keepdims=True)
    threshold = (total - 1) / np.sum(support, axis=-1, keepdims=True)
    return np.moveaxis(np.maximum(logits - threshold, 0), -1, axis).astype(x.dtype)


sparsemax = operator(
    "sparsemax",
    "x",
    attrs={"axis": Int(-1)},
    infer=_axis_type,
    meaning=_sparsemax,
    gradient=unary(lambda b, dy, x, y, *, axis: b.sparsemax_gradient(dy, x, axis=axis)),
)


def _sparsemax_gradient(x: np.ndarray, logits: np.ndarray, *, axis: int) -> np.ndarray:
    """Element i of the k in the support is in k - i partial sums: the threshold moves with it by (k - i) / k."""
    logits, x = np.moveaxis(logits, axis, -1), np.moveaxis(x, axis, -1)
    order = np.argsort(-logits, axis=-1, kind="stable")
    ordered = np.take_along_axis(logits, order, axis=-1)
    sums = np.cumsum(ordered, axis=-1)
    places = np.arange(logits.shape[-1])
    support = ordered - (sums - 1) / (places + 1).astype(x.dtype) > 0
    size = np.sum(support, axis=-1, keepdims=True)
    threshold = (np.sum(np.where(support, sums, 0), axis=-1, keepdims=True) - 1) / size
    passed = np.where(logits >= threshold, x, 0)
    shares = np.empty_like(x)
    np.put_along_axis(shares, order, np.where(support, (size - places) / size, 0).astype(x.dtype), axis=-1)
    result = passed - shares * np.sum(passed, axis=-1, keepdims=True)
    return np.moveaxis(result, -1, axis).astype(x.dtype)


sparsemax_gradient = operator(
    "sparsemax_gradient",
    "x logits",
    attrs={"axis": Int(-1)},
    infer=lambda x, logits, *, axis: _axis_type(logits, axis=axis),
    meaning=_sparsemax_gradient,
    gradient=not_differentiable,
)
"""The gradient of sparsemax by its logits, from x, that by its output."""


def _glu_type(x: TensorType, *, axis: int) -> TensorType:
    axis = normalize_axis(axis, require_float("glu", x).rank)
    size = x.shape[axis]
    if isinstance(size, int) and size % 2:
        raise ShapeError(f"glu halves axis {axis}, whose size {size} is odd")
    half = size // 2 if isinstance(size, int) else None
    return x.with_shape((*x.shape[:axis], half, *x.shape[axis + 1 :]))


def _glu(x: np.ndarray, *, axis: int) -> np.ndarray:
    value, gate = np.split(x, 2, axis=axis)
    return value * _sigmoid(gate)


glu = operator("glu", "x", attrs={"axis": Int(-1)}, infer=_glu_type, meaning=_glu, gradient=unary(gradients.glu))


prelu = elementwise(
    "prelu",
    lambda x, slope: np.where(x < 0, slope * x, x),
    operands="x slope",
    gradient=binary(gradients.prelu),
    onnx="PRelu",
)
