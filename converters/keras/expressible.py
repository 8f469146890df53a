"""What each Keras generation can load: checked before anything is written."""

from __future__ import annotations

from kcompat.errors import SaveError
from kcompat.layers import Layer
from kcompat.layers.base import walk
from kcompat.models import Model

from .weights_legacy_write import Form

WITHOUT_KERAS3 = frozenset(
    {"LocallyConnected1D", "LocallyConnected2D", "RandomHeight", "RandomWidth", "ThresholdedReLU"}
)
"""Layers that Keras 3 removed."""

WITHOUT_KERAS2 = frozenset(
    {
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


def check(model: Model, form: Form) -> None:
    """Raises SaveError naming the first layer that Keras cannot load, and what can be done."""
    missing = WITHOUT_KERAS3 if form == "keras3" else WITHOUT_KERAS2
    other = "an .h5 file in the form of Keras 2 (form='keras2')" if form == "keras3" else "the form of Keras 3"
    for layer in walk(model):
        if layer.keras_module.startswith("keras.") and type(layer).__name__ in missing:
            raise SaveError(f"{layer}: Keras {form[-1]} has no such layer; save the model in {other}")
        if form == "keras3" and "/" in layer.name:
            raise SaveError(f"{layer}: Keras 3 allows no '/' in names; rename the layer, or save in {other}")
        if form == "keras3" and getattr(layer, "interpolation", None) in ("gaussian", "mitchellcubic"):
            raise SaveError(f"{layer}: Keras 3 does not have its interpolation; save the model in {other}")
        _check_extensions(layer, form)


def _check_extensions(layer: Layer, form: Form) -> None:
    for name, field in layer.fields.items():
        value = layer._values.get(name, field.default)
        if field.extension and value != field.default:
            raise SaveError(
                f"{layer}: '{name}' = {value!r} comes from an older Keras and cannot be said in Keras {form[-1]}"
            )
