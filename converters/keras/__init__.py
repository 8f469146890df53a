"""Keras files of every generation.

reader          architecture of any generation -> Model
  keras1        Keras 1 words -> Keras 2 words
  keras2        Keras 2 meanings -> Keras 3 meanings
  parse, spec   architecture JSON -> ModelSpec
  build         ModelSpec -> Model
architecture    Model -> Keras 3 architecture
hdf5_model      whole models and weights in HDF5; hdf5_weights: layers by name
weights_v3      `.weights.h5` of Keras 2.12 and later
archive_model   `.keras` archives
"""
