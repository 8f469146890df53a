"""Models raised from ONNX: Keras loads what kcompat writes of them, and predicts what the graph gives."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from raised import Case
from raised_images import IMAGES
from raised_sequences import SEQUENCES

from kcompat.converters.onnx.raising import raise_model

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]


def listed(outputs: object) -> list[np.ndarray]:
    return list(outputs) if isinstance(outputs, (list, tuple)) else [np.asarray(outputs)]


@pytest.mark.parametrize("case", [*IMAGES, *SEQUENCES], ids=lambda case: case.name)
def test_keras_predicts_the_same(keras: ModuleType, case: Case, tmp_path: Path) -> None:
    raising = raise_model(case.model)
    for ending in (".keras", ".h5") if case.h5 else (".keras",):
        raising.model.save(tmp_path / f"m{ending}")
        model = keras.models.load_model(tmp_path / f"m{ending}", compile=False)
        outputs = listed(model.predict(raising.keras_inputs([case.x])[0], verbose=0))
        for actual, expected in zip(raising.onnx_outputs(outputs), listed(case.model(case.x)), strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
