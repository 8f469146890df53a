"""Layers that only `keras.utils.FeatureSpace` uses: no namespace of Keras shows them."""

from __future__ import annotations

from typing import Any

from ..config import Field, Int, registered
from ..ir import Value
from .emitter import Emitter
from .identity import Identity
from .merging import Merge

_MODULE = "keras.src.layers.preprocessing.feature_space"


@registered(_MODULE)
class TFDIdentity(Identity):
    """Its input. Source: TFDIdentity in keras/src/layers/preprocessing/feature_space.py."""

    supports_masking = False


@registered(_MODULE)
class TFDConcat(Merge):
    """A list of tensors, equal but along `axis`, one behind the other.

    Source: TFDConcat in keras/src/layers/preprocessing/feature_space.py.
    """

    axis = Field(Int)

    def emit(self, b: Emitter, inputs: Any) -> Value:
        return b.concat(*self.operands(b, inputs), axis=self.axis)
