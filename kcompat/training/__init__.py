"""Training: losses, metrics and optimizers, all of which emit IR, so that one step is one graph.

losses       what is minimised
metrics      what is reported, with states that a graph updates
optimizers   how variables follow their gradients, and learning-rate schedules
"""
