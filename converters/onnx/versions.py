"""Where the versions of an ONNX operator, and its names, differ from ours: what reader and writer share."""

from __future__ import annotations

from collections.abc import Mapping

AS_INPUT: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "Clip": {"min": (1, 11), "max": (2, 11)},
    "Pad": {"pads": (1, 11), "value": (2, 11)},
    "Reshape": {"shape": (1, 5)},
    "Slice": {"starts": (1, 10), "ends": (2, 10), "axes": (3, 10), "steps": (4, 10)},
    "Split": {"split": (1, 13)},
    "Squeeze": {"axes": (1, 13)},
    "TopK": {"k": (1, 10)},
    "Unsqueeze": {"axes": (1, 13)},
    "ReduceSum": {"axes": (1, 13)},
    **{
        f"Reduce{kind}": {"axes": (1, 18)}
        for kind in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare")
    },
}
"""Operator -> setting -> the input that gives it, and the opset since which that is no attribute."""

GATES: Mapping[str, str] = {"RNN": "h", "GRU": "zrh", "LSTM": "iofc"}
"""The order in which ONNX has the gates of a cell."""

CARD_GATES: Mapping[str, str] = {"RNN": "h", "GRU": "zrh", "LSTM": "ifco"}
"""The order in which the cards have them."""

RECURRENT_ACTIVATIONS: Mapping[str, tuple[str, float | None, float | None]] = {
    "elu": ("Elu", 1.0, None),
    "hard_sigmoid": ("HardSigmoid", 1 / 6, 0.5),
    "hard_sigmoid_keras2": ("HardSigmoid", 0.2, 0.5),
    "leaky_relu": ("LeakyRelu", 0.2, None),
    "linear": ("Affine", 1.0, 0.0),
    "relu": ("Relu", None, None),
    "sigmoid": ("Sigmoid", None, None),
    "softplus": ("Softplus", None, None),
    "softsign": ("Softsign", None, None),
    "sparse_sigmoid": ("HardSigmoid", 0.5, 0.5),
    "tanh": ("Tanh", None, None),
}
"""What a card calls the activation of a gate -> ONNX's name of it, its alpha and its beta."""

RECURRENT_DEFAULTS: Mapping[str, tuple[float, float | None]] = {
    "Affine": (1.0, 0.0),
    "Elu": (1.0, None),
    "HardSigmoid": (0.2, 0.5),
    "LeakyRelu": (0.01, None),
    "ScaledTanh": (1.0, 1.0),
    "ThresholdedRelu": (1.0, None),
}
"""Alpha and beta of the activations that have them, where a node gives none."""
