"""Models: graphs of layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalogue import on_demand

_NAMES = {
    "Functional": "functional",
    "Model": "model",
    "Sequential": "sequential",
    "clone_model": "cloning",
    "load_model": "io",
    "model_from_config": "io",
    "model_from_json": "io",
    "save_model": "io",
}
"""Public name -> the file that defines it; imported on first use."""

__all__ = sorted(_NAMES)
__getattr__, __dir__ = on_demand(__name__, _NAMES)

if TYPE_CHECKING:
    from .cloning import clone_model as clone_model
    from .functional import Functional as Functional
    from .io import load_model as load_model
    from .io import model_from_config as model_from_config
    from .io import model_from_json as model_from_json
    from .io import save_model as save_model
    from .model import Model as Model
    from .sequential import Sequential as Sequential
