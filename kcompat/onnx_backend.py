"""kcompat as a backend of the onnx package: what `onnx.backend.test.BackendTest` and ONNX tools call.

    import kcompat.onnx_backend as backend
    outputs = backend.prepare(model).run([x])

Source: onnx/backend/base.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import InputError, LoadError


class BackendRep:
    """A prepared model."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def run(self, inputs: Any, **options: Any) -> tuple[Any, ...]:
        """The outputs in order, for inputs in order, by name, or for a single one. Raises InputError."""
        names = self.model.input_names
        if isinstance(inputs, Mapping):
            values = dict(inputs)
        else:
            several = isinstance(inputs, (list, tuple))
            entries: Sequence[Any] = inputs if several else [inputs]
            if len(entries) > len(names):
                raise InputError(f"takes {len(names)} inputs ({', '.join(names)}), received {len(entries)}")
            values = dict(zip(names, entries, strict=False))
        missing = [name for name in names if name not in values]
        if missing:
            raise InputError(f"no data for '{missing[0]}'")
        return tuple(self.model.program.run(values))


def prepare(model: Any, device: str = "CPU", **options: Any) -> BackendRep:
    """A ModelProto, made ready. Raises LoadError for a model that cannot be run."""
    _require(device)
    from .converters import onnx

    return BackendRep(onnx.model_from_proto(model))


def run_model(model: Any, inputs: Any, device: str = "CPU", **options: Any) -> tuple[Any, ...]:
    """The outputs of a ModelProto."""
    return prepare(model, device).run(inputs)


def run_node(node: Any, inputs: Any, device: str = "CPU", outputs_info: Any = None, **options: Any) -> tuple[Any, ...]:
    """The outputs of one NodeProto, of the newest opset or `opset_version`."""
    _require(device)
    from .converters import onnx

    return onnx.run_node(node, inputs, options.get("opset_version"))


def supports_device(device: str) -> bool:
    """Whether a device is the CPU."""
    return device.partition(":")[0] == "CPU"


def is_compatible(model: Any, device: str = "CPU", **options: Any) -> bool:
    """Whether a ModelProto can be run."""
    if not supports_device(device):
        return False
    try:
        prepare(model, device)
    except LoadError:
        return False
    return True


def _require(device: str) -> None:
    if not supports_device(device):
        raise InputError(f"device {device!r} is not supported; only 'CPU' is")
