"""What a model knows about its training: kept from the file it was read from, written back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class TrainingState:
    """Compile settings and optimizer state.

    config: as in a file: Keras 3's compile_config or the training_config of HDF5 files.
    form: "keras3" or "keras2", the generation whose keys config has.
    optimizer_weights: arrays by name, in file order.
    """

    config: dict[str, Any]
    form: str = "keras3"
    optimizer_weights: dict[str, np.ndarray] = field(default_factory=dict)
