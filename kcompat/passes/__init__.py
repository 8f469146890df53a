"""Passes: functions from graphs to graphs.

layout   all images with their channels last, or first
"""
