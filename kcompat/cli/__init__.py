"""The command `kcompat`: looks into model files, runs them, checks them against references.

show    layers, inputs, outputs and origin of a model
run     predictions for arrays, tables and images
verify  outputs compared with stored ones

Exit status: 0 done, 1 outputs differ (verify), 2 an error, which stderr explains.
"""

from .main import main

__all__ = ["main"]
