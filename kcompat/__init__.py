"""kcompat: load a Keras or ONNX model, run it, fine-tune it, convert it, without TensorFlow.

The namespace mirrors `keras`: replace `import keras` by `import kcompat as keras`. Everything is
imported on first use, so that importing kcompat itself costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_SUBMODULES = frozenset(
    {
        "activations",
        "applications",
        "backend",
        "callbacks",
        "config",
        "constraints",
        "converters",
        "dtype_policies",
        "errors",
        "initializers",
        "keras",
        "layers",
        "losses",
        "metrics",
        "mixed_precision",
        "models",
        "ops",
        "optimizers",
        "preprocessing",
        "random",
        "regularizers",
        "saving",
        "training",
        "tree",
        "utils",
    }
)

_NAMES = {
    "DTypePolicy": "dtype_policies",
    "FloatDTypePolicy": "dtype_policies",
    "Input": "layers",
    "Initializer": "initializers",
    "InputSpec": "layers",
    "KcompatError": "errors",
    "KerasTensor": "layers",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
    "Sequential": "models",
    "Variable": "variables",
    "get_num_threads": "executor",
    "is_exact": "executor",
    "load_model": "models",
    "model_from_json": "models",
    "set_exact": "executor",
    "set_num_threads": "executor",
}
"""Public name -> the submodule that defines it."""


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _NAMES:
        value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES, *_NAMES})
