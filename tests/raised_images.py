"""Graphs over features and images, and the layers that they are raised to."""

from __future__ import annotations

from typing import Any

import numpy as np
from raised import IMAGE, Case, node


def _conv(name: str, layers: str, shape: Any, kernel: Any, **attributes: Any) -> Case:
    return Case(name, [node("Conv", "x w b", "y", **attributes)], shape, layers, {"w": kernel, "b": kernel[:1]})


IMAGES = [
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
        "Dense ReLU",
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
        "exclusive_sums_from_the_end",
        [node("CumSum", "x axis", "y", exclusive=1, reverse=1)],
        ("N", 6),
        "Flip Cumsum Pad GetItem Flip",
        {"axis": np.int64(1)},
        h5=False,
    ),
]
