"""Reading and writing ONNX, and raising it to layers.

external    tensor data in files beside the model
tensors     TensorProto -> NumPy
spec, parse ModelProto -> plain graphs, functions inlined
hoisting    weights of subgraphs -> weights of the model
call        what a handler of one operator sees
operators   the handlers: every operator in all its versions
lowering    nodes -> IR, as far as types are known
host        operators without a card, run by onnx.reference
control     Loop and Scan
program     lowers for the shapes it meets, and runs
model       ModelProto -> GraphModel
versions    what reader and writer both know of names and versions
writing     any model -> ONNX
raising     GraphModel -> layers of Keras
"""

from .model import load_model, model_from_proto, run_node
from .raising import to_keras
from .writing import model_proto, save_model

__all__ = ["load_model", "model_from_proto", "model_proto", "run_node", "save_model", "to_keras"]
