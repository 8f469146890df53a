"""Which passes run, in what order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..ir import Graph
from .constant_products import constant_products
from .decompose import decompose
from .fold_batch_norm import fold_batch_norm
from .fold_constants import fold_constants
from .fold_pads import fold_pads
from .freeze import freeze
from .fuse_elementwise import fuse_elementwise
from .fuse_epilogues import fuse_epilogues
from .fuse_idioms import fuse_idioms
from .integer_products import integer_products
from .known_sizes import with_known_sizes
from .layout import with_layout
from .merge_chains import merge_chains
from .remove_dead import remove_dead
from .unsigned_steps import unsigned_steps

Pass = Callable[[Graph], Graph]

INFERENCE: tuple[Pass, ...] = (
    freeze,
    fold_constants,
    fuse_idioms,
    partial(with_layout, target="channels_last"),
    decompose,
    fold_constants,
    integer_products,
    remove_dead,
    unsigned_steps,
    constant_products,
    fold_pads,
    fold_batch_norm,
    remove_dead,
    fuse_epilogues,
    fuse_elementwise,
    remove_dead,
    merge_chains,
    remove_dead,
)

SPECIALIZED: tuple[Pass, ...] = (with_known_sizes, decompose, fold_constants, fuse_elementwise, remove_dead)
"""What knowing all sizes makes possible, for graphs that read sizes."""


def optimize(graph: Graph, pipeline: tuple[Pass, ...] = INFERENCE) -> Graph:
    """The graph after each pass in turn."""
    for apply in pipeline:
        graph = apply(graph)
    return graph
