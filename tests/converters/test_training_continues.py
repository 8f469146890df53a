"""Training goes on from the files of every Keras generation as that Keras went on."""

from __future__ import annotations

import numpy as np
import pytest
from golden import FOLDER, GoldenFile, golden_files

FILES = [f for f in golden_files("load") if f.arrays("train_target") and not f.kind.startswith("weights_")]
"""Without those of TensorFlow 1, which has no reproducible step."""


@pytest.mark.parametrize("file", FILES, ids=str)
def test_the_next_step(file: GoldenFile) -> None:
    """The loss of a third step, and the outputs after it."""
    model = file.load()
    inputs, targets = file.arrays("train_input"), file.arrays("train_target")
    with np.load(FOLDER / file.record["npz"]) as archive:
        expected = float(archive["train_loss"])
    logs = model.train_on_batch(
        inputs if len(inputs) > 1 else inputs[0], targets if len(targets) > 1 else targets[0], return_dict=True
    )
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)
    if file.path == "keras2_0/trained_cnn_theano.h5":
        return  # there the moving variance moved towards the batch's plus epsilon
    outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    for output, reference in zip(outputs, file.arrays("train_output"), strict=True):
        np.testing.assert_allclose(output, reference, rtol=1e-4, atol=1e-5)
