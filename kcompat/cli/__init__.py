"""The command `kcompat`: looks into model files, runs them, converts them, checks them.

show     layers, inputs, outputs and origin of a model
run      predictions for arrays, tables and images
convert  a model, or a folder of them, in another format, with proof
diff     outputs of two model files compared
verify   outputs compared with stored ones
warm     kernels compiled ahead

Exit status: 0 done, 1 outputs differ, 2 wrong usage (arguments, inputs, a missing package, a path that cannot be
opened), 3 a file or what is asked of it is refused. Stderr explains.
"""

from .main import main

__all__ = ["main"]
