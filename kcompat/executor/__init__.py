"""What runs a graph: programs bound to kernels, their memory, and threads.

executor  plans a graph for the shapes it meets, and runs it
exactness whether quicker, less accurate arithmetic is allowed
encoding  programs -> code
code      a program as machine words
bound     code with its kernels, and its frames
quick     a call of code with nothing between Python and the kernels
frame     code with memory of its own
host      steps that run their NumPy meaning
single    a kernel by itself
team      threads that share a program's steps
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalogue import on_demand

_NAMES = {
    "Executor": "executor",
    "QuickCall": "quick",
    "get_num_threads": "team",
    "is_exact": "exactness",
    "open_sizes_filled": "executor",
    "set_exact": "exactness",
    "set_num_threads": "team",
}
"""Public name -> the file that defines it; imported on first use."""

__all__ = sorted(_NAMES)
__getattr__, __dir__ = on_demand(__name__, _NAMES)

if TYPE_CHECKING:
    from .exactness import is_exact as is_exact
    from .exactness import set_exact as set_exact
    from .executor import Executor as Executor
    from .executor import open_sizes_filled as open_sizes_filled
    from .quick import QuickCall as QuickCall
    from .team import get_num_threads as get_num_threads
    from .team import set_num_threads as set_num_threads
