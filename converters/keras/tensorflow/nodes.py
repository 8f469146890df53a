"""The operators of TensorFlow 1 and 2.0 to 2.3 graphs as TensorFlowOpLayer holds them: a NodeDef in JSON.

Nothing of a NodeDef is interpreted but the operator's name, the attributes that are listed here, and
the constants among its inputs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kcompat.errors import ArgumentError, ConfigError, UnknownLayerError

from ..spec import LayerSpec
from .symbols import SYMBOLS, Maker

Attributes = Mapping[str, Any]
Node = Callable[[Maker, Attributes, list[Any]], Any]

_SAME = {
    "Abs": "math.abs",
    "Acos": "math.acos",
    "Add": "math.add",
    "AddV2": "math.add",
    "Asin": "math.asin",
    "Atan": "math.atan",
    "Atan2": "math.atan2",
    "BiasAdd": "nn.bias_add",
    "Ceil": "math.ceil",
    "ClipByValue": "clip_by_value",
    "Cos": "math.cos",
    "DivNoNan": "math.divide_no_nan",
    "Elu": "nn.elu",
    "Equal": "math.equal",
    "Erf": "math.erf",
    "Exp": "math.exp",
    "ExpandDims": "expand_dims",
    "Expm1": "math.expm1",
    "Floor": "math.floor",
    "FloorDiv": "math.floordiv",
    "FloorMod": "math.floormod",
    "Greater": "math.greater",
    "GreaterEqual": "math.greater_equal",
    "Identity": "identity",
    "IsNan": "math.is_nan",
    "Less": "math.less",
    "LessEqual": "math.less_equal",
    "Log": "math.log",
    "Log1p": "math.log1p",
    "LogSoftmax": "nn.log_softmax",
    "LogicalAnd": "math.logical_and",
    "LogicalNot": "math.logical_not",
    "LogicalOr": "math.logical_or",
    "Maximum": "math.maximum",
    "Minimum": "math.minimum",
    "Mul": "math.multiply",
    "Neg": "math.negative",
    "NotEqual": "math.not_equal",
    "OnesLike": "ones_like",
    "Pad": "pad",
    "Pow": "math.pow",
    "RealDiv": "math.truediv",
    "Reciprocal": "math.reciprocal",
    "Relu": "nn.relu",
    "Relu6": "nn.relu6",
    "Reshape": "reshape",
    "ReverseV2": "reverse",
    "Rint": "math.rint",
    "Roll": "roll",
    "Round": "math.round",
    "Rsqrt": "math.rsqrt",
    "SelectV2": "where",
    "Selu": "nn.selu",
    "Shape": "shape",
    "Sigmoid": "math.sigmoid",
    "Sign": "math.sign",
    "Sin": "math.sin",
    "Slice": "slice",
    "Softmax": "nn.softmax",
    "Softplus": "nn.softplus",
    "Softsign": "nn.softsign",
    "Sqrt": "math.sqrt",
    "Square": "math.square",
    "SquaredDifference": "math.squared_difference",
    "StopGradient": "stop_gradient",
    "Sub": "math.subtract",
    "Tan": "math.tan",
    "Tanh": "math.tanh",
    "Tile": "tile",
    "Transpose": "transpose",
    "ZerosLike": "zeros_like",
}
"""Operators that are a function of TensorFlow with the same tensors in the same order, without attributes."""

_REDUCTIONS = {
    "All": "reduce_all",
    "Any": "reduce_any",
    "Max": "reduce_max",
    "Mean": "reduce_mean",
    "Min": "reduce_min",
    "Prod": "reduce_prod",
    "Sum": "reduce_sum",
}

_DTYPES = {
    "DT_BOOL": "bool",
    "DT_DOUBLE": "float64",
    "DT_FLOAT": "float32",
    "DT_HALF": "float16",
    "DT_INT16": "int16",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_INT8": "int8",
    "DT_UINT8": "uint8",
}


def function_of(spec: LayerSpec) -> Callable[..., Any]:
    """What the node computes of its inputs. Raises ConfigError or UnknownLayerError naming layer and operator."""
    where = f"layer '{spec.name}' (TensorFlowOpLayer)"
    definition = _definition(spec.config.get("node_def"), where)
    node = _nodes().get(str(definition.get("op")))
    if node is None:
        raise UnknownLayerError(
            f"{where} is the TensorFlow operator '{definition.get('op')}', which kcompat does not know; "
            f"pass custom_objects={{'{spec.name}': YourLayer()}}, a subclass of kcompat.Layer that computes it"
        )
    constants = _constants(spec.config.get("constants") or {}, where)
    attributes = definition.get("attr") or {}

    def function(op: Maker, inputs: Any) -> Any:
        tensors = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        for place in sorted(constants):
            tensors.insert(place, constants[place])
        return node(op, attributes, tensors)

    return function


def _definition(node_def: Any, where: str) -> Mapping[str, Any]:
    """A NodeDef as an object: Keras writes it as such, or as JSON text."""
    if isinstance(node_def, str):
        try:
            node_def = json.loads(node_def)
        except ValueError:
            raise ConfigError(f"{where}: node_def is neither an object nor JSON; save the model with TF 2.4") from None
    if not isinstance(node_def, Mapping) or not isinstance(node_def.get("attr") or {}, Mapping):
        raise ConfigError(f"{where}: node_def must be an object, received {node_def!r:.100}")
    return node_def


def _constants(constants: Any, where: str) -> dict[int, Any]:
    """The inputs that are no tensors of the model, by their places."""
    if not isinstance(constants, Mapping) or not all(str(place).isdigit() for place in constants):
        raise ConfigError(f"{where}: constants must be values by place, received {constants!r:.100}")
    return {int(place): _constant(value) for place, value in constants.items()}


def _constant(value: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(value.get("config"), Mapping) and "value" in value["config"]:
        return value["config"]["value"]
    return value


# --- attributes ----------------------------------------------------------------------


def _int(attributes: Attributes, name: str, default: int = 0) -> int:
    return int(attributes.get(name, {}).get("i", default))


def _bool(attributes: Attributes, name: str) -> bool:
    return bool(attributes.get(name, {}).get("b", False))


def _ints(attributes: Attributes, name: str) -> list[int]:
    return [int(value) for value in attributes.get(name, {}).get("list", {}).get("i", [])]


def _dtype(attributes: Attributes, name: str, default: str) -> str:
    found = attributes.get(name, {}).get("type", default)
    if found not in _DTYPES:
        raise ArgumentError(f"dtype {found} is not supported")
    return _DTYPES[found]


# --- operators -----------------------------------------------------------------------


def _same(symbol: str) -> Node:
    return lambda op, attributes, inputs: SYMBOLS[symbol](op, *inputs)


def _reduction(symbol: str) -> Node:
    def node(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
        tensor, axis = inputs
        return SYMBOLS[symbol](op, tensor, axis=_axes(axis), keepdims=_bool(attributes, "keep_dims"))

    return node


def _axes(axis: Any) -> Any:
    return axis if axis is None or isinstance(axis, int) else [int(place) for place in np.ravel(axis)]


def _cast(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
    return SYMBOLS["cast"](op, *inputs, dtype=_dtype(attributes, "DstT", "DT_FLOAT"))


def _matmul(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
    flags = {f"transpose_{name}": _bool(attributes, f"transpose_{name}") for name in "ab"}
    return SYMBOLS["linalg.matmul"](op, *inputs, **flags)


def _batch_matmul(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
    flags = {f"transpose_{a}": _bool(attributes, f"adj_{x}") for a, x in (("a", "x"), ("b", "y"))}
    return SYMBOLS["linalg.matmul"](op, *inputs, **flags)


def _concat(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
    *values, axis = inputs
    return SYMBOLS["concat"](op, values, axis=int(axis))


def _pack(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
    return SYMBOLS["stack"](op, inputs, axis=_int(attributes, "axis"))


def _unpack(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
    return SYMBOLS["unstack"](op, *inputs, num=_int(attributes, "num"), axis=_int(attributes, "axis"))


def _squeeze(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
    return SYMBOLS["squeeze"](op, *inputs, axis=_ints(attributes, "squeeze_dims") or None)


def _split(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
    axis, value = inputs
    return SYMBOLS["split"](op, value, _int(attributes, "num_split"), axis=int(axis))


def _split_sizes(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
    value, sizes, axis = inputs
    return SYMBOLS["split"](op, value, sizes, axis=int(axis))


def _strided_slice(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
    masks = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    return SYMBOLS["strided_slice"](op, *inputs, **{name: _int(attributes, name) for name in masks})


def _pad(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
    tensor, paddings, value = inputs
    return SYMBOLS["pad"](op, tensor, paddings, constant_values=value)


def _leaky_relu(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
    return SYMBOLS["nn.leaky_relu"](op, *inputs, alpha=float(attributes.get("alpha", {}).get("f", 0.2)))


def _gather(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
    params, indices, axis = inputs
    return SYMBOLS["gather"](op, params, indices, axis=int(axis), batch_dims=_int(attributes, "batch_dims"))


def _one_hot(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
    indices, depth, on_value, off_value = inputs
    options = {"axis": _int(attributes, "axis", -1), "dtype": _dtype(attributes, "T", "DT_FLOAT")}
    return SYMBOLS["one_hot"](op, indices, int(depth), on_value, off_value, **options)


def _resize(method: str) -> Node:
    def node(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
        if not _bool(attributes, "half_pixel_centers"):
            raise ArgumentError("image resizing without half_pixel_centers, as TensorFlow 1 did, is not supported")
        return SYMBOLS["image.resize"](op, *inputs, method=method)

    return node


def _argument(symbol: str) -> Node:
    def node(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
        tensor, axis = inputs
        return SYMBOLS[symbol](op, tensor, axis=int(axis), output_type=_dtype(attributes, "output_type", "DT_INT64"))

    return node


def _scan(symbol: str) -> Node:
    def node(op: Maker, attributes: Attributes, inputs: list[Any]) -> Any:
        flags = {name: _bool(attributes, name) for name in ("exclusive", "reverse")}
        return SYMBOLS[symbol](op, inputs[0], axis=int(inputs[1]), **flags)

    return node


def _nodes() -> dict[str, Node]:
    """Every operator's name and what it is."""
    return {
        **{name: _same(symbol) for name, symbol in _SAME.items()},
        **{name: _reduction(symbol) for name, symbol in _REDUCTIONS.items()},
        "ArgMax": _argument("argmax"),
        "ArgMin": _argument("argmin"),
        "BatchMatMul": _batch_matmul,
        "BatchMatMulV2": _batch_matmul,
        "Cast": _cast,
        "ConcatV2": _concat,
        "Cumprod": _scan("cumprod"),
        "Cumsum": _scan("cumsum"),
        "GatherV2": _gather,
        "LeakyRelu": _leaky_relu,
        "MatMul": _matmul,
        "OneHot": _one_hot,
        "Pack": _pack,
        "PadV2": _pad,
        "ResizeBilinear": _resize("bilinear"),
        "ResizeNearestNeighbor": _resize("nearest"),
        "Split": _split,
        "SplitV": _split_sizes,
        "Squeeze": _squeeze,
        "StridedSlice": _strided_slice,
        "Unpack": _unpack,
    }
