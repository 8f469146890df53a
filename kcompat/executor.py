"""Runs a graph on arrays, for callers that do not care how."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .ir import Graph
from .reference import evaluate


class Executor:
    """A graph ready to run. Safe to call from several threads, unless it updates variables."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs for arrays in the order and of the types of the graph's inputs."""
        return evaluate(self.graph, arrays)
