"""Plans: from a graph of known shapes to a program of kernel calls.

program   what a plan is: steps, buffers, places
planner   nodes to steps, through the functions of `lowering`, one file a family of operators
memory    where buffers lie in the arena
target    what a plan is made for

Kernels are named, not imported.
"""

from .planner import Packs as Packs
from .planner import plan as plan
from .target import Target as Target
