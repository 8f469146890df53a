"""The expansions, by family.

steps         recurrent cells that ONNX does not have, step by step
pieces        what is made of slices
equalization  images with other histograms
"""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
