"""The dtypes in which a layer keeps its weights and computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ArgumentError
from ..settings import dtype_policy, floatx

QUANTIZATION_MODES = ("int8",)

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
    """A named policy, as keras.DTypePolicy; "int8_from_float32" is a QuantizedDTypePolicy.

    Half precisions are computed in float32: more exact than Keras, which rounds after every step.
    """

    name: str = "float32"

    def __post_init__(self) -> None:
        mode, source = self.quantization_mode, self.source_name
        if mode is not None and mode not in QUANTIZATION_MODES:
            raise ArgumentError(
                f"dtype policy {self.name!r}: quantization mode {mode!r} is not supported; known: "
                f"{', '.join(QUANTIZATION_MODES)}; load the model in Keras and save it unquantized"
            )
        if source not in _VARIABLE_DTYPES and (mode or not source.startswith(("int", "uint", "bool", "string"))):
            raise ArgumentError(f"dtype policy {self.name!r} is not supported; known: {', '.join(_VARIABLE_DTYPES)}")

    @property
    def quantization_mode(self) -> str | None:
        """How layers that can be quantized keep their weights, or None: as they are."""
        return self.name.partition("_from_")[0] if "_from_" in self.name else None

    @property
    def source_name(self) -> str:
        """The policy without its quantization."""
        return self.name.rpartition("_from_")[2]

    @property
    def variable_dtype(self) -> str:
        return _VARIABLE_DTYPES.get(self.source_name, self.source_name)

    @property
    def compute_dtype(self) -> str:
        return "float64" if self.source_name == "float64" else "float32"

    def get_config(self) -> dict[str, Any]:
        mode = self.quantization_mode
        return {
            "module": "keras.dtype_policies" if mode else "keras",
            "class_name": "QuantizedDTypePolicy" if mode else "DTypePolicy",
            "config": {"mode": mode, "source_name": self.source_name} if mode else {"name": self.name},
            "registered_name": None,
        }

    @classmethod
    def parse(cls, value: Any) -> DTypePolicy:
        """A policy from None, a name, a policy, or the dict that any Keras release writes for one."""
        if value is None:
            return cls(dtype_policy())
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            return cls._from_document(value)
        name = getattr(value, "name", None) or getattr(value, "__name__", None) or value
        if not isinstance(name, str):
            raise ArgumentError(f"a dtype policy is a name or a config, received {value!r}")
        return cls(name)

    @classmethod
    def _from_document(cls, document: Mapping[str, Any]) -> DTypePolicy:
        config = document.get("config")
        config = config if isinstance(config, Mapping) else {}
        if "mode" in config:
            return cls(f"{config['mode']}_from_{config.get('source_name') or floatx()}")
        if not isinstance(config.get("name"), str):
            raise ArgumentError(f"a dtype policy needs a name, received {document.get('class_name')} {config!r:.100}")
        return cls(config["name"])
