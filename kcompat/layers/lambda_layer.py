"""Lambda."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import SaveError
from .base import Layer


class Lambda(Layer):
    """A Python function of tensors as a layer. Source: keras.layers.Lambda.

    function: from a tensor, or a nest of them, to such, made of `kcompat.ops`; it may take `mask` and `training`.
    mask: a mask, or a function `(inputs, mask)` that gives it. arguments: what the function is given besides.
    output_shape is taken and not needed: shapes follow from what the function does. Not written to files.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.function, self.mask, self.arguments = function, mask, dict(arguments or {})
        self.__dict__["supports_masking"] = mask is not None

    def call(self, inputs: Any, mask: Any = None, training: Any = None) -> Any:
        given = {"mask": mask, "training": training}
        taken = inspect.signature(self.function).parameters
        return self.function(inputs, **self.arguments, **{key: given[key] for key in given if key in taken})

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict[str, Any]:
        raise SaveError(f"{self} is a Python function, which files cannot hold; write it as a subclass of Layer")
