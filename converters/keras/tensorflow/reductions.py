"""Functions over axes: sums, extremes, orders, norms, products."""

from __future__ import annotations

from typing import Any

from kcompat.errors import ArgumentError
from kcompat.ir.types import is_float
from kcompat.layers.operations.operation import standard_dtype

from .symbols import Function, Maker, alike, dtype_of, first, symbol

_REDUCTIONS = {
    "reduce_sum": "Sum",
    "reduce_mean": "Mean",
    "reduce_max": "Max",
    "reduce_min": "Min",
    "reduce_prod": "Prod",
    "reduce_any": "Any",
    "reduce_all": "All",
    "reduce_std": "Std",
    "reduce_variance": "Var",
    "reduce_logsumexp": "Logsumexp",
}


def _reduction(class_name: str) -> Function:
    def reduce(
        op: Maker,
        input_tensor: Any,
        axis: Any = None,
        keepdims: bool | None = None,
        reduction_indices: Any = None,
        keep_dims: bool | None = None,
    ) -> Any:
        axis = axis if axis is not None else reduction_indices
        dtype = dtype_of(input_tensor)
        if class_name == "Mean" and not is_float(dtype):
            raise ArgumentError(f"the mean of {dtype} is rounded by TensorFlow, which is not supported; cast it first")
        result = op(class_name, input_tensor, axis=axis, keepdims=bool(first(keepdims, keep_dims, False)))
        return result if dtype_of(result) == dtype else op("Cast", result, dtype=dtype)

    return reduce


for _name, _class in _REDUCTIONS.items():
    symbol(_name, f"math.{_name}")(_reduction(_class))


def _argument(class_name: str) -> Function:
    def find(op: Maker, input: Any, axis: int | None = None, output_type: Any = "int64", dimension: Any = None) -> Any:
        found = op(class_name, input, axis=axis if axis is not None else dimension or 0)
        return op("Cast", found, dtype=standard_dtype(output_type))

    return find


symbol("math.argmax", "argmax")(_argument("Argmax"))
symbol("math.argmin", "argmin")(_argument("Argmin"))


@symbol("math.cumsum", "cumsum")
def _cumsum(op: Maker, x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    return _scan(op, "Cumsum", x, axis, exclusive, reverse)


@symbol("math.cumprod", "cumprod")
def _cumprod(op: Maker, x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    return _scan(op, "Cumprod", x, axis, exclusive, reverse)


def _scan(op: Maker, class_name: str, x: Any, axis: int, exclusive: bool, reverse: bool) -> Any:
    x = op("Flip", x, axis=axis) if reverse else x
    x = _shifted(op, x, axis, 0 if class_name == "Cumsum" else 1) if exclusive else x
    total = op(class_name, x, axis=axis)
    return op("Flip", total, axis=axis) if reverse else total


def _shifted(op: Maker, x: Any, axis: int, start: int) -> Any:
    """x moved by one position along an axis, with a number in front."""
    place = axis % len(x.shape)
    width = [[int(other == place), 0] for other in range(len(x.shape))]
    padded = op("Pad", x, start, pad_width=width)
    return op("GetItem", padded, tuple(slice(None, -1 if other == place else None) for other in range(len(x.shape))))


@symbol("math.top_k", "nn.top_k")
def _top_k(op: Maker, input: Any, k: int = 1, sorted: bool = True) -> Any:
    return list(op("TopK", input, k=k, sorted=sorted))


@symbol("sort")
def _sort(op: Maker, values: Any, axis: int = -1, direction: str = "ASCENDING") -> Any:
    ordered = op("Sort", values, axis=axis)
    return ordered if direction == "ASCENDING" else op("Flip", ordered, axis=axis)


@symbol("norm", "linalg.norm")
def _norm(op: Maker, tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False) -> Any:
    if ord == "euclidean":
        return op("Sqrt", op("Sum", op("Square", tensor), axis=axis, keepdims=bool(keepdims)))
    return op("Norm", tensor, ord=ord, axis=axis, keepdims=bool(keepdims))


@symbol("math.l2_normalize", "nn.l2_normalize", "linalg.l2_normalize")
def _l2_normalize(op: Maker, x: Any, axis: Any = None, epsilon: float = 1e-12, dim: Any = None) -> Any:
    power = op("Sum", op("Square", x), axis=axis if axis is not None else dim, keepdims=True)
    return op("Multiply", x, op("Rsqrt", op("Maximum", power, epsilon)))


@symbol("nn.moments")
def _moments(op: Maker, x: Any, axes: Any, shift: Any = None, keepdims: bool = False) -> Any:
    return list(op("Moments", x, axes=axes, keepdims=bool(keepdims)))


# --- products ------------------------------------------------------------------------


@symbol("linalg.matmul", "matmul")
def _matmul(
    op: Maker,
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: Any = None,
    grad_a: bool = False,
    grad_b: bool = False,
) -> Any:
    a, b = alike(a, b)
    a = op("Swapaxes", a, axis1=-2, axis2=-1) if transpose_a or adjoint_a else a
    b = op("Swapaxes", b, axis1=-2, axis2=-1) if transpose_b or adjoint_b else b
    product = op("Matmul", a, b)
    return product if output_type is None else op("Cast", product, dtype=standard_dtype(output_type))


@symbol("tensordot")
def _tensordot(op: Maker, a: Any, b: Any, axes: Any) -> Any:
    return op("Tensordot", *alike(a, b), axes=axes)


@symbol("linalg.matvec")
def _matvec(op: Maker, a: Any, b: Any) -> Any:
    return op("Squeeze", op("Matmul", a, op("ExpandDims", b, axis=-1)), axis=-1)


@symbol("nn.bias_add")
def _bias_add(op: Maker, value: Any, bias: Any, data_format: str | None = None) -> Any:
    if data_format not in (None, "NHWC", "N...C"):
        raise ArgumentError(f"bias_add(data_format={data_format!r}) is not supported")
    return op("Add", *alike(value, bias))
