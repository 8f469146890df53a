"""Training: losses, metrics and optimizers, all of which emit IR, so that one step is one graph.

losses            what is minimised
metrics           what is reported, with states that a graph updates
optimizers        how variables follow their gradients, and learning-rate schedules
outputs           what users say per output, matched to a model's outputs
compiled_loss     the losses of all outputs; compiled_metrics their metrics
step              the graph of a step of training or testing
batches           data as batches, shuffled and counted
interruption      signals that wait for the end of a step
"""
