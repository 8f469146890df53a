"""What runs a graph: programs bound to kernels, their memory, and threads.

executor  plans a graph for the shapes it meets, and runs it
exactness whether quicker, less accurate arithmetic is allowed
quick     a call of a program with nothing between Python and the kernels
frame     a program's steps as machine words, with memory of their own
team      threads that share a program's steps
"""

from .exactness import is_exact as is_exact
from .exactness import set_exact as set_exact
from .executor import Executor as Executor
from .executor import open_sizes_filled as open_sizes_filled
from .quick import QuickCall as QuickCall
from .team import get_num_threads as get_num_threads
from .team import set_num_threads as set_num_threads
