"""Passes: functions from graphs to graphs.

differentiate   the backward nodes of a loss
layout          all images with their channels last, or first
"""
