"""Which passes run, in what order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..ir import Graph
from .fold_batch_norm import fold_batch_norm
from .fold_constants import fold_constants
from .fold_sizes import fold_sizes
from .freeze import freeze
from .fuse_elementwise import fuse_elementwise
from .fuse_epilogues import fuse_epilogues
from .layout import with_layout
from .remove_dead import remove_dead

Pass = Callable[[Graph], Graph]

INFERENCE: tuple[Pass, ...] = (
    freeze,
    fold_constants,
    partial(with_layout, target="channels_last"),
    fold_constants,
    fold_batch_norm,
    remove_dead,
    fuse_epilogues,
    fuse_elementwise,
    remove_dead,
)

SPECIALIZED: tuple[Pass, ...] = (fold_sizes,)
"""What knowing all sizes makes possible."""


def optimize(graph: Graph, pipeline: tuple[Pass, ...] = INFERENCE) -> Graph:
    """The graph after each pass in turn."""
    for apply in pipeline:
        graph = apply(graph)
    return graph
