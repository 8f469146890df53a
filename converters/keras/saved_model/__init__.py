"""SavedModel folders that Keras 2 wrote: its own metadata, and a TensorFlow checkpoint. The graph is never run.

folder    safe access to the files
graph     the file of TensorFlow's graph: objects, constants
nodes     the objects that the metadata describes
objects   the tree of objects in the checkpoint, and their tensors
vocabularies  of layers that look tokens up
model     both -> Model
"""

from .folder import refusal_of_a_lone_file
from .model import load_model, written_by

__all__ = ["load_model", "refusal_of_a_lone_file", "written_by"]
