"""Cards as ONNX operators, by family; cards with an ONNX operator of their own need nothing here.

elementwise  activations, arithmetic
axes         softmax, reductions, order, sums along axes
movement     reshape ... slice, pad, gather, scatter
products     dense, attention
windows      convolution and pooling
normal       normalisations
resampling   resize
recurrent    LSTM, GRU, simple RNN
encoding     categories
quantized    steps of a scale, products of them
"""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
