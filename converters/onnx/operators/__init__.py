"""ONNX operators by family: for each, what it is in all its versions.

elementwise  arithmetic, logic, activations, cast
reduction    reductions, softmax, order, cumulative sums
movement     reshape ... slice, pad, gather, scatter
products     MatMul, Gemm, Einsum
windows      convolution and pooling
normal       normalisations
resampling   Resize, Upsample
recurrent    RNN, GRU, LSTM
quantized    QuantizeLinear and the operators on integers
contrib      operators of onnxruntime on quantised tensors
"""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
