"""What each Keras generation can load: checked before anything is written."""

from __future__ import annotations

from kcompat.errors import SaveError
from kcompat.ir.types import is_float
from kcompat.layers import Layer
from kcompat.layers.base import walk
from kcompat.layers.embedding import Embedding
from kcompat.layers.masking import Masking
from kcompat.layers.random_geometry import RandomCrop
from kcompat.layers.resizing import Resizing
from kcompat.layers.separable import SeparableConv1D
from kcompat.layers.time_distributed import TimeDistributed
from kcompat.models import Model

from .weights_legacy_write import Form

KERAS1_ONLY = frozenset({"Highway", "MaxoutDense", "ParametricSoftplus", "SReLU"})
"""Layers that Keras 2 removed."""

WITHOUT_KERAS3 = KERAS1_ONLY | {
    "LocallyConnected1D",
    "LocallyConnected2D",
    "RandomHeight",
    "RandomWidth",
    "ThresholdedReLU",
}
"""Layers that Keras 3 does not have."""

WITHOUT_KERAS2 = frozenset(
    {
        *KERAS1_ONLY,
        *(f"Adaptive{kind}Pooling{rank}D" for kind in ("Average", "Max") for rank in (1, 2, 3)),
        "AugMix",
        "AutoContrast",
        "ContrastLimitedAdaptiveHistogramEqualization",
        "CutMix",
        "Equalization",
        "GroupQueryAttention",
        "GroupedQueryAttention",
        "MaxNumBoundingBoxes",
        "MelSpectrogram",
        "MixUp",
        "Pipeline",
        "RMSNormalization",
        "RandAugment",
        "RandomColorDegeneration",
        "RandomColorJitter",
        "RandomElasticTransform",
        "RandomErasing",
        "RandomGaussianBlur",
        "RandomGrayscale",
        "RandomHue",
        "RandomInvert",
        "RandomPerspective",
        "RandomPosterization",
        "RandomSaturation",
        "RandomSharpness",
        "RandomShear",
        "ReversibleEmbedding",
        "STFTSpectrogram",
        "Solarization",
        "SpectralNormalization",
    }
)
"""Layers that tf_keras 2.21 does not have, or cannot load from HDF5 as SpectralNormalization."""


_NATIVE: dict[Form, frozenset[str]] = {
    "keras2": frozenset(
        {"axes", "fitting", "inner_masks", "joins_steps", "keeps_integers", "time_major", "unbiased_variance"}
    ),
    "keras3": frozenset({"inner_masks", "joins_steps", "keeps_integers", "unbiased_variance"}),
}
"""Extensions that a form has words for, or that are checked on their own."""


def check(model: Model, form: Form) -> None:
    """Raises SaveError naming the first layer that Keras cannot load, and what can be done."""
    missing = WITHOUT_KERAS3 if form == "keras3" else WITHOUT_KERAS2
    other = "an .h5 file in the form of Keras 2 (form='keras2')" if form == "keras3" else "the form of Keras 3"
    for layer in walk(model):
        name = type(layer).__name__
        if layer.keras_module.startswith("keras.") and name in missing:
            hint = "no Keras after 1.2 can load it" if name in KERAS1_ONLY else f"save the model in {other}"
            raise SaveError(f"{layer}: Keras {form[-1]} has no such layer; {hint}")
        if form == "keras3":
            _check_keras3(layer, other)
        _check_extensions(layer, form)
        if isinstance(layer, TimeDistributed):
            _check_masks(layer, form)
        if isinstance(layer, Resizing):
            _check_integers(layer, form)
        if isinstance(layer, RandomCrop) and form == "keras2":
            _check_fitting(layer)


def _check_keras3(layer: Layer, other: str) -> None:
    if "/" in layer.name:
        raise SaveError(f"{layer}: Keras 3 allows no '/' in names; rename the layer, or save in {other}")
    if isinstance(layer, SeparableConv1D) and layer.padding == "causal":
        raise SaveError(f"{layer}: Keras 3 has no causal padding here; save in {other}")


def _check_extensions(layer: Layer, form: Form) -> None:
    for name, field in layer.fields.items():
        value = layer._values.get(name, field.default)
        if field.extension and name not in _NATIVE[form] and value != field.default:
            raise SaveError(
                f"{layer}: '{name}' = {value!r} comes from an older Keras and cannot be said in Keras {form[-1]}"
            )


def _check_masks(layer: TimeDistributed, form: Form) -> None:
    """Keras 2 lets masks out that the inner layer makes, Keras 3 does not."""
    makes_masks = any(
        isinstance(inner, Masking) or (isinstance(inner, Embedding) and inner.mask_zero) for inner in walk(layer.layer)
    )
    if makes_masks and layer.inner_masks != (form == "keras2"):
        raise SaveError(f"{layer}: the masks that its layer makes are used otherwise in Keras {form[-1]}")


def _check_integers(layer: Resizing, form: Form) -> None:
    """Images of integers stay so in Keras 3, and become floating in Keras 2."""
    dtypes = [tensor.dtype for call in layer.calls for tensor in call.input_tensors]
    if layer.keeps_integers == (form == "keras2") and not all(map(is_float, dtypes)):
        raise SaveError(f"{layer}: images of {', '.join(dtypes)} are rounded otherwise in Keras {form[-1]}")


def _check_fitting(layer: RandomCrop) -> None:
    """Keras 2 brings images to the layer's size in inference too."""
    sizes = {tuple(tensor.shape[-3:-1]) for call in layer.calls for tensor in call.input_tensors}
    if layer.fitting is None and sizes - {(layer.height, layer.width)}:
        raise SaveError(f"{layer}: images of another size would be cropped and resized in Keras 2")
