"""Small ONNX graphs, and the layers that they are raised to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kcompat.converters.onnx import model_from_proto
from kcompat.models.graph_model import GraphModel

Node = onnx.NodeProto


def node(op: str, inputs: str, outputs: str, name: str | None = None, **attributes: Any) -> Node:
    """A node whose operands are given as words; "-" is an absent one."""
    given, made = (["" if word == "-" else word for word in words.split()] for words in (inputs, outputs))
    return helper.make_node(op, given, made, name=name or f"{outputs.split()[0]}/{op}", **attributes)


@dataclass(frozen=True, eq=False)
class Case:
    """A graph from x to y, beside other inputs and outputs.

    shape: of x. layers: the kinds of layers behind the inputs, in the model's order. weights: arrays by name, or
    shapes of random ones.
    """

    name: str
    nodes: Sequence[Node]
    shape: tuple[int | str, ...]
    layers: str
    weights: dict[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ("y",)
    opset: int = 18
    integers: int = 0
    h5: bool = True

    @cached_property
    def model(self) -> GraphModel:
        rng = np.random.default_rng(0)
        arrays = {
            name: given if isinstance(given, (np.ndarray, np.generic)) else rng.normal(size=given).astype("f4") / 2
            for name, given in self.weights.items()
        }
        dtype = TensorProto.INT64 if self.integers else TensorProto.FLOAT
        graph = helper.make_graph(
            list(self.nodes),
            "g",
            [helper.make_tensor_value_info("x", dtype, self.shape)],
            [onnx.ValueInfoProto(name=name) for name in self.outputs],
            [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()],
        )
        return model_from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)]))

    @property
    def x(self) -> np.ndarray:
        rng = np.random.default_rng(1)
        shape = [size if isinstance(size, int) else 2 for size in self.shape]
        if self.integers:
            return rng.integers(0, self.integers, shape)
        return rng.normal(size=shape).astype("f4")


def _conv(name: str, layers: str, shape: Any, kernel: Any, **attributes: Any) -> Case:
    return Case(name, [node("Conv", "x w b", "y", **attributes)], shape, layers, {"w": kernel, "b": kernel[:1]})


IMAGE = ("N", 4, 9, 8)

CASES = [
    Case("gemm", [node("Gemm", "x w b", "y", transB=1)], ("N", 3), "Dense", {"w": (5, 3), "b": (5,)}),
    Case("gemm_alpha", [node("Gemm", "x w", "y", alpha=0.5)], ("N", 3), "Dense", {"w": (3, 5)}),
    Case(
        "dense_of_sequences",
        [node("MatMul", "x w", "m", "d/MatMul"), node("Add", "b m", "a", "d/Add"), node("Relu", "a", "y", "d/Relu")],
        ("N", 4, 3),
        "Dense",
        {"w": (3, 5), "b": (5,)},
    ),
    Case(
        "separate_activation",
        [node("Gemm", "x w b", "m"), node("Relu", "m", "y")],
        ("N", 3),
        "Dense Activation",
        {"w": (3, 5), "b": (5,)},
    ),
    _conv("conv_same", "Conv2D", IMAGE, (6, 4, 3, 3), pads=[1, 1, 1, 1]),
    _conv("conv_strided", "ZeroPadding2D Conv2D", IMAGE, (6, 4, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2]),
    _conv("conv_auto_pad", "Conv2D", IMAGE, (6, 4, 3, 3), auto_pad="SAME_UPPER", strides=[2, 2]),
    _conv("conv_asymmetric", "ZeroPadding2D Conv2D", IMAGE, (6, 4, 3, 3), pads=[0, 1, 2, 0]),
    _conv("conv_grouped", "Conv2D", IMAGE, (6, 2, 3, 3), group=2),
    _conv("conv_depthwise", "DepthwiseConv2D", IMAGE, (8, 1, 3, 3), group=4),
    _conv("conv_strides_and_dilations", "Conv2D", IMAGE, (6, 4, 2, 2), strides=[2, 2], dilations=[2, 2]),
    _conv("conv_causal", "Conv1D", ("N", 4, 9), (6, 4, 3), pads=[4, 0], dilations=[2]),
    _conv("conv_3d", "Conv3D", ("N", 2, 5, 6, 4), (3, 2, 2, 2, 2)),
    Case(
        "cnn",
        [
            node("Conv", "x k b", "c", "conv1/Conv", pads=[1, 1, 1, 1]),
            node("Relu", "c", "r", "conv1/Relu"),
            node("MaxPool", "r", "p", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
            node("Flatten", "p", "f"),
            node("Gemm", "f w v", "y"),
        ],
        IMAGE,
        "Conv2D ZeroPadding2D MaxPooling2D Flatten Dense",
        {"k": (6, 4, 3, 3), "b": (6,), "w": (120, 5), "v": (5,)},
    ),
    Case(
        "flatten_alone",
        [node("MaxPool", "x", "p", kernel_shape=[2, 2]), node("Flatten", "p", "y")],
        IMAGE,
        "MaxPooling2D Permute Flatten",
    ),
    Case(
        "max_pool_of_any_sign",
        [node("MaxPool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])],
        IMAGE,
        "MaxPooling2D MaxPooling2D",
    ),
    Case(
        "max_pool_scattered",
        [node("MaxPool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 2, 2, 0])],
        IMAGE,
        "Pad MaxPooling2D",
        h5=False,
    ),
    Case(
        "average_pool_counting",
        [node("AveragePool", "x", "y", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)],
        IMAGE,
        "ZeroPadding2D AveragePooling2D",
    ),
    Case(
        "average_pool_strided",
        [node("AveragePool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])],
        IMAGE,
        "AveragePooling2D MaxPooling2D",
    ),
    Case(
        "average_pool_ceil",
        [node("AveragePool", "x", "y", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)],
        (2, 4, 9, 8),
        "AveragePooling2D",
    ),
    Case(
        "global_pool",
        [node("GlobalAveragePool", "x", "g"), node("Flatten", "g", "f"), node("MatMul", "f w", "y")],
        IMAGE,
        "GlobalAveragePooling2D Dense",
        {"w": (4, 3)},
    ),
    Case(
        "transposed_same",
        [node("ConvTranspose", "x w b", "y", strides=[2, 2], pads=[1, 1, 1, 1])],
        IMAGE,
        "Conv2DTranspose",
        {"w": (4, 3, 4, 4), "b": (3,)},
    ),
    Case(
        "transposed_cropped",
        [node("ConvTranspose", "x w", "y", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])],
        IMAGE,
        "Conv2DTranspose Cropping2D",
        {"w": (4, 3, 3, 3)},
    ),
    Case(
        "transposed_grouped",
        [node("ConvTranspose", "x w", "y", strides=[2, 2], group=2)],
        IMAGE,
        "Conv2DTranspose",
        {"w": (4, 3, 2, 2)},
    ),
    Case(
        "batch_norm",
        [node("BatchNormalization", "x s b m v", "y", epsilon=1e-4)],
        IMAGE,
        "BatchNormalization",
        {"s": (4,), "b": (4,), "m": (4,), "v": np.arange(1, 5, dtype="f4")},
    ),
    Case(
        "instance_norm",
        [node("InstanceNormalization", "x s b", "y")],
        IMAGE,
        "Permute GroupNormalization Permute",
        {"s": (4,), "b": (4,)},
    ),
    Case(
        "layer_norm_in_steps",
        [
            node("ReduceMean", "x axes", "m"),
            node("Sub", "x m", "c"),
            node("Pow", "c two", "p"),
            node("ReduceMean", "p axes", "v"),
            node("Add", "v eps", "e"),
            node("Sqrt", "e", "s"),
            node("Div", "c s", "d"),
            node("Mul", "d g", "w"),
            node("Add", "w b", "y"),
        ],
        ("N", 5, 6),
        "LayerNormalization",
        {
            "axes": np.int64([-1]),
            "two": np.float32(2),
            "eps": np.float32(1e-5),
            "g": (6,),
            "b": (6,),
        },
    ),
    Case(
        "gelu_in_steps",
        [
            node("Div", "x r", "d"),
            node("Erf", "d", "e"),
            node("Add", "e one", "p"),
            node("Mul", "x p", "m"),
            node("Mul", "m half", "y"),
        ],
        ("N", 6),
        "Activation",
        {"r": np.float32(2**0.5), "one": np.float32(1), "half": np.float32(0.5)},
    ),
    Case(
        "hard_swish_in_steps",
        [
            node("Add", "x three", "a"),
            node("Clip", "a zero six", "c"),
            node("Mul", "x c", "m"),
            node("Div", "m six", "y"),
        ],
        ("N", 6),
        "Activation",
        {"three": np.float32(3), "zero": np.float32(0), "six": np.float32(6)},
    ),
    Case("relu6", [node("Clip", "x zero six", "y")], ("N", 6), "ReLU", {"zero": np.float32(0), "six": np.float32(6)}),
    Case("hard_sigmoid", [node("HardSigmoid", "x", "y")], ("N", 6), "Rescaling ReLU"),
    Case(
        "prelu",
        [node("Conv", "x w", "c"), node("PRelu", "c s", "y")],
        IMAGE,
        "Conv2D PReLU",
        {"w": (3, 4, 1, 1), "s": (3, 1, 1)},
    ),
    Case(
        "residual",
        [
            node("Conv", "x w", "c"),
            node("Add", "c x", "a"),
            node("Sigmoid", "a", "s"),
            node("Mul", "a s", "m"),
            node("Concat", "m x", "y", axis=1),
        ],
        IMAGE,
        "Conv2D Add Activation Concatenate",
        {"w": (4, 4, 1, 1)},
    ),
    Case(
        "scaled_channels",
        [node("MaxPool", "x", "p", kernel_shape=[1, 1]), node("Mul", "p s", "y")],
        IMAGE,
        "MaxPooling2D EinsumDense",
        {"s": (4, 1, 1)},
    ),
    Case("embedding", [node("Gather", "t x", "y")], ("N", 5), "Embedding", {"t": (7, 3)}, integers=7),
    Case(
        "detection_head",
        [node("Conv", "x w", "c"), node("Transpose", "c", "t", perm=[0, 2, 3, 1]), node("Reshape", "t s", "y")],
        ("N", 4, 6, 5),
        "Conv2D Reshape",
        {"w": (6, 4, 1, 1), "s": np.int64([0, -1, 2])},
    ),
    Case(
        "operations",
        [node("Exp", "x", "e"), node("ReduceSum", "e", "r", keepdims=1), node("Div", "e r", "y")],
        (2, 5),
        "Activation Sum Divide",
        h5=False,
    ),
    Case(
        "lstm",
        [
            node("Transpose", "x", "t", perm=[1, 0, 2]),
            node("LSTM", "t w r b", "- h -", "l/LSTM", hidden_size=3),
            node("Squeeze", "h axis", "y"),
        ],
        ("N", 5, 4),
        "LSTM",
        {"w": (1, 12, 4), "r": (1, 12, 3), "b": (1, 24), "axis": np.int64([0])},
    ),
    Case(
        "gru_of_sequences",
        [
            node("Transpose", "x", "t", perm=[1, 0, 2]),
            node("GRU", "t w r b", "s", "g/GRU", hidden_size=3, linear_before_reset=1),
            node("Squeeze", "s axis", "q"),
            node("Transpose", "q", "y", perm=[1, 0, 2]),
        ],
        ("N", 5, 4),
        "GRU",
        {"w": (1, 9, 4), "r": (1, 9, 3), "b": (1, 18), "axis": np.int64([1])},
    ),
    Case(
        "last_step",
        [
            node("Transpose", "x", "t", perm=[1, 0, 2]),
            node("RNN", "t w r", "s", "g/RNN", hidden_size=3),
            node("Squeeze", "s axis", "q"),
            node("Transpose", "q", "u", perm=[1, 0, 2]),
            node("Gather", "u last", "y", axis=1),
        ],
        ("N", 5, 4),
        "SimpleRNN",
        {"w": (1, 3, 4), "r": (1, 3, 3), "axis": np.int64([1]), "last": np.int64(-1)},
    ),
    Case(
        "bidirectional",
        [
            node("Transpose", "x", "t", perm=[1, 0, 2]),
            node("LSTM", "t w r b", "s", "l/LSTM", hidden_size=3, direction="bidirectional"),
            node("Transpose", "s", "u", perm=[2, 0, 1, 3]),
            node("Reshape", "u shape", "y"),
        ],
        ("N", 5, 4),
        "Bidirectional",
        {"w": (2, 12, 4), "r": (2, 12, 3), "b": (2, 24), "shape": np.int64([0, 0, 6])},
    ),
    Case(
        "up_sampling",
        [
            node("MaxPool", "x", "p", kernel_shape=[1, 1]),
            node("Resize", "p - scales", "u", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
            node("Resize", "u - scales", "y", mode="linear"),
        ],
        IMAGE,
        "MaxPooling2D UpSampling2D UpSampling2D",
        {"scales": np.float32([1, 1, 2, 3])},
    ),
    Case(
        "resizing",
        [node("MaxPool", "x", "p", kernel_shape=[1, 1]), node("Resize", "p - - sizes", "y", mode="linear")],
        (2, 4, 9, 8),
        "MaxPooling2D Resizing",
        {"sizes": np.int64([2, 4, 5, 12])},
    ),
    Case(
        "resizing_with_aligned_corners",
        [
            node("MaxPool", "x", "p", kernel_shape=[1, 1]),
            node("Resize", "p - - sizes", "y", mode="linear", coordinate_transformation_mode="align_corners"),
        ],
        (2, 4, 9, 8),
        "MaxPooling2D EinsumDense EinsumDense",
        {"sizes": np.int64([2, 4, 5, 12])},
    ),
    Case(
        "heads",
        [
            node("Shape", "x", "s"),
            node("Slice", "s zero two", "n"),
            node("Concat", "n heads", "t", axis=0),
            node("Reshape", "x t", "h"),
            node("Transpose", "h", "q", perm=[0, 2, 1, 3]),
            node("Transpose", "h", "k", perm=[0, 2, 3, 1]),
            node("MatMul", "q k", "m"),
            node("Softmax", "m", "w"),
            node("MatMul", "w q", "a"),
            node("Transpose", "a", "b", perm=[0, 2, 1, 3]),
            node("Reshape", "b s", "y"),
        ],
        ("N", "T", 6),
        "Reshape DotProductAttention Reshape",
        {"zero": np.int64([0]), "two": np.int64([2]), "heads": np.int64([2, 3])},
        h5=False,
    ),
    Case(
        "class_token",
        [
            node("Shape", "x", "s"),
            node("Slice", "s zero one", "n"),
            node("Concat", "n rest", "t", axis=0),
            node("Expand", "c t", "e"),
            node("Concat", "e x", "y", axis=1),
        ],
        ("N", 5, 3),
        "GetItem ZerosLike Reshape Add Concatenate",
        {"zero": np.int64([0]), "one": np.int64([1]), "rest": np.int64([1, 3]), "c": (1, 1, 3)},
        h5=False,
    ),
    Case(
        "multi_head_attention",
        [
            *(node("Einsum", f"x w{p}", f"{p}0", f"mha/{p}/Einsum", equation="abc,cde->abde") for p in "qkv"),
            *(node("Add", f"{p}0 b{p}", f"{p}1", f"mha/{p}/Add") for p in "qkv"),
            node("Transpose", "q1", "q2", perm=[0, 2, 1, 3]),
            node("Transpose", "k1", "k2", perm=[0, 2, 3, 1]),
            node("Transpose", "v1", "v2", perm=[0, 2, 1, 3]),
            node("MatMul", "q2 k2", "s"),
            node("Mul", "s scale", "t"),
            node("Where", "mask t low", "u"),
            node("Softmax", "u", "w"),
            node("MatMul", "w v2", "a0", "mha/MatMul"),
            node("Transpose", "a0", "a1", perm=[0, 2, 1, 3]),
            node("Einsum", "a1 wo", "o", "mha/o/Einsum", equation="abcd,cde->abe"),
            node("Add", "o bo", "y", "mha/o/Add"),
        ],
        ("N", 5, 6),
        "MultiHeadAttention",
        {
            **{f"w{p}": (6, 2, 4) for p in "qkv"},
            **{f"b{p}": (2, 4) for p in "qkv"},
            "scale": np.float32(0.3),
            "low": np.float32(-3e38),
            "mask": np.tri(5, dtype=bool),
            "wo": (2, 4, 6),
            "bo": (6,),
        },
    ),
    Case(
        "attention_with_steps_in_front",
        [
            node("Transpose", "x", "t", perm=[1, 0, 2]),
            node("MatMul", "t w", "m"),
            node("Add", "m b", "p"),
            node("Split", "p", "q0 k0 v0", axis=2, num_outputs=3),
            *(node("Reshape", f"{p}0 flat", f"{p}1") for p in "qkv"),
            *(node("Transpose", f"{p}1", f"{p}2", perm=[1, 0, 2]) for p in "qkv"),
            *(node("Reshape", f"{p}2 split", f"{p}3") for p in "qkv"),
            node("Transpose", "k3", "k4", perm=[0, 1, 3, 2]),
            node("MatMul", "q3 k4", "s"),
            node("Softmax", "s", "a"),
            node("MatMul", "a v3", "h"),
            node("Transpose", "h", "h1", perm=[2, 0, 1, 3]),
            node("Reshape", "h1 rows", "h2"),
            node("Gemm", "h2 wo bo", "g"),
            node("Reshape", "g back", "g1"),
            node("Transpose", "g1", "y", perm=[1, 0, 2]),
        ],
        (2, 5, 6),
        "MultiHeadAttention",
        {
            "w": (6, 18),
            "b": (18,),
            "flat": np.int64([5, 4, 3]),
            "split": np.int64([2, 2, 5, 3]),
            "rows": np.int64([10, 6]),
            "back": np.int64([5, 2, 6]),
            "wo": (6, 6),
            "bo": (6,),
        },
    ),
    Case(
        "separable",
        [
            node("Conv", "x d", "c", "sep/Conv", group=4, pads=[1, 1, 1, 1]),
            node("Conv", "c p b", "s", "sep/Conv_1"),
            node("Relu", "s", "y", "sep/Relu"),
        ],
        IMAGE,
        "SeparableConv2D",
        {"d": (4, 1, 3, 3), "p": (5, 4, 1, 1), "b": (5,)},
    ),
    Case(
        "rms_norm_in_steps",
        [
            node("Mul", "x x", "p"),
            node("ReduceMean", "p axes", "m"),
            node("Add", "m eps", "e"),
            node("Sqrt", "e", "s"),
            node("Div", "x s", "d"),
            node("Mul", "d g", "y"),
        ],
        ("N", 5, 6),
        "RMSNormalization",
        {"axes": np.int64([-1]), "eps": np.float32(1e-5), "g": (6,)},
    ),
    Case(
        "group_norm_in_steps",
        [
            node("Conv", "x w", "c"),
            node("Reshape", "c rows", "r"),
            node("InstanceNormalization", "r one zero", "i"),
            node("Shape", "c", "shape"),
            node("Reshape", "i shape", "n"),
            node("Mul", "n g", "m"),
            node("Add", "m b", "y"),
        ],
        IMAGE,
        "Conv2D GroupNormalization",
        {
            "w": (4, 4, 1, 1),
            "rows": np.int64([0, 2, -1]),
            "one": np.ones(2, "f4"),
            "zero": np.zeros(2, "f4"),
            "g": (4, 1, 1),
            "b": (4, 1, 1),
        },
    ),
    Case(
        "product_of_sequences",
        [node("Transpose", "x", "t", perm=[0, 2, 1]), node("MatMul", "x t", "m"), node("MatMul", "m x", "y")],
        ("N", 5, 6),
        "Dot Dot",
    ),
    Case(
        "rows_of_sequences",
        [
            node("Reshape", "x rows", "r"),
            node("Gemm", "r w b", "g"),
            node("Relu", "g", "a"),
            node("Reshape", "a back", "y"),
        ],
        ("N", 5, 6),
        "Dense Activation",
        {"rows": np.int64([-1, 6]), "w": (6, 3), "b": (3,), "back": np.int64([-1, 5, 3])},
    ),
    Case(
        "positions",
        [node("Gather", "t x", "e"), node("Add", "e p", "y")],
        ("N", 5),
        "Embedding EinsumDense",
        {"t": (7, 3), "p": (5, 3)},
        integers=7,
    ),
    Case(
        "dot_of_vectors",
        [
            node("MatMul", "x w", "m"),
            node("Einsum", "x m", "e", equation="ab,ab->a"),
            node("Unsqueeze", "e axis", "y"),
        ],
        ("N", 4),
        "Dense Dot",
        {"w": (4, 4), "axis": np.int64([1])},
    ),
    Case(
        "masked_lstm",
        [
            node("Equal", "x none", "eq"),
            node("Not", "eq", "real"),
            node("Gather", "t x", "e"),
            node("Cast", "real", "n", to=TensorProto.INT64),
            node("Mul", "n five", "n5"),
            node("Sub", "n5 steps", "rank"),
            node("TopK", "rank k", "- order"),
            node("Unsqueeze", "order last", "o"),
            node("GatherND", "e o", "packed", batch_dims=1),
            node("CumSum", "n axis", "count"),
            node("ReduceSum", "n axes", "total", keepdims=0),
            node("Max", "total one", "least"),
            node("Cast", "least", "length", to=TensorProto.INT32),
            node("Transpose", "packed", "p", perm=[1, 0, 2]),
            node("LSTM", "p w r b length", "s", "lstm/LSTM", hidden_size=3),
            node("Squeeze", "s axes", "q"),
            node("Transpose", "q", "u", perm=[1, 0, 2]),
            node("Sub", "count one", "before"),
            node("Max", "before none", "index"),
            node("Unsqueeze", "index last", "i"),
            node("GatherND", "u i", "spread", batch_dims=1),
            node("Greater", "count none", "begun"),
            node("Unsqueeze", "begun last", "begun1"),
            node("Where", "begun1 spread zero", "v"),
            node("Slice", "v minus end axes", "tail"),
            node("Squeeze", "tail axes", "y"),
        ],
        ("N", 5),
        "Embedding LSTM",
        {
            "t": (4, 3),
            "none": np.int64(0),
            "five": np.int64(5),
            "steps": np.arange(5),
            "k": np.int64([5]),
            "last": np.int64([-1]),
            "axis": np.int64(1),
            "axes": np.int64([1]),
            "one": np.int64(1),
            "w": (1, 12, 3),
            "r": (1, 12, 3),
            "b": (1, 24),
            "zero": np.float32(0),
            "minus": np.int64([-1]),
            "end": np.int64([2**31 - 1]),
        },
        integers=4,
    ),
    Case(
        "lengths_of_sequences",
        [
            node("Transpose", "x", "t", perm=[1, 0, 2]),
            node("Gather", "x zero", "row", axis=1),
            node("ReduceSum", "row axes", "sum", keepdims=0),
            node("Greater", "sum level", "more"),
            node("Cast", "more", "extra", to=TensorProto.INT32),
            node("Add", "extra three", "length"),
            node("LSTM", "t w r b length", "s", "lstm/LSTM", hidden_size=3),
            node("Squeeze", "s axes", "q"),
            node("Transpose", "q", "y", perm=[1, 0, 2]),
        ],
        ("N", 5, 3),
        "GetItem Sum Greater Cast Add Reshape Less ExpandDims LSTM Where",
        {
            "w": (1, 12, 3),
            "r": (1, 12, 3),
            "b": (1, 24),
            "zero": np.int64(0),
            "axes": np.int64([1]),
            "level": np.float32(0),
            "three": np.int32(3),
        },
        h5=False,
    ),
]
