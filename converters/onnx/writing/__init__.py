"""Writing ONNX.

model      the model's graph, its layout, names and notes
freeze     weights as constants, and what follows from constants alone
expansion  cards that ONNX has no operator for, as others; expansions: by family
graph      nodes
call       what the writer of one operator sees
operators  the writers
output     names, constants and nodes of the ONNX graph
files      types of all values, the checker, one file or two
"""

from .model import DEFAULT_OPSET, model_proto, save_model

__all__ = ["DEFAULT_OPSET", "model_proto", "save_model"]
