"""Machine code: kernels written in Numba, compiled alone on first need, kept on disk for every later process.

A kernel is `void kernel(int64 *arguments, int64 thread, int64 threads)`. Its arguments are addresses and
numbers; it touches nothing else, raises nothing, and does its share of the work when several threads call it.

A key names a kernel: "module.function", the function in a module of this folder that makes it, and the
function's parameters. `library.addresses(keys)` gives machine addresses; only a kernel that is not on disk imports
Numba (`toolchain`). Modules of kernels are imported by nothing but the toolchain.
"""

from .library import addresses as addresses
from .machine import lanes as lanes
from .store import Key as Key
