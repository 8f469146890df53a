"""The dtypes in which a layer keeps its weights and computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ArgumentError
from ..settings import floatx

_VARIABLE_DTYPES = {
    "float32": "float32",
    "float64": "float64",
    "float16": "float16",
    "bfloat16": "bfloat16",
    "mixed_float16": "float32",
    "mixed_bfloat16": "float32",
}


@dataclass(frozen=True)
class DTypePolicy:
    """A named policy, as keras.DTypePolicy.

    Half precisions are computed in float32: more exact than Keras, which rounds after every step.
    """

    name: str = "float32"

    def __post_init__(self) -> None:
        if self.name not in _VARIABLE_DTYPES and not self.name.startswith(("int", "uint", "bool", "string")):
            raise ArgumentError(f"dtype policy {self.name!r} is not supported; known: {', '.join(_VARIABLE_DTYPES)}")
        if "_from_" in self.name:
            raise ArgumentError(
                f"dtype policy {self.name!r} is quantized; load the model in Keras and save it unquantized"
            )

    @property
    def variable_dtype(self) -> str:
        return _VARIABLE_DTYPES.get(self.name, self.name)

    @property
    def compute_dtype(self) -> str:
        return "float64" if self.name == "float64" else "float32"

    def get_config(self) -> dict[str, Any]:
        return {
            "module": "keras",
            "class_name": "DTypePolicy",
            "config": {"name": self.name},
            "registered_name": None,
        }

    @classmethod
    def parse(cls, value: Any) -> DTypePolicy:
        """A policy from None, a name, a policy, or the dict that any Keras release writes for one."""
        if value is None:
            return cls(floatx())
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            config = value.get("config")
            return cls.parse(config.get("name") if isinstance(config, Mapping) else None)
        name = getattr(value, "name", None) or getattr(value, "__name__", None) or value
        if not isinstance(name, str):
            raise ArgumentError(f"a dtype policy is a name or a config, received {value!r}")
        return cls(name)
