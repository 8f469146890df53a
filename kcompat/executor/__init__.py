"""What runs a graph: programs bound to kernels, their memory, and threads.

executor  plans a graph for the shapes it meets, and runs it
quick     a call of a small program with nothing between Python and the kernels
frame     a program's steps as machine words, with memory of their own
team      threads that walk one program together
"""

from .executor import Executor as Executor
from .executor import open_sizes_filled as open_sizes_filled
from .quick import QuickCall as QuickCall
from .team import get_num_threads as get_num_threads
from .team import set_num_threads as set_num_threads
