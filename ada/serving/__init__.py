"""Serving: a chain as a SavedModel for TensorFlow Serving, and a client for it.

`exporting` writes; `signatures` lists what can be asked; `client` asks, and imports no model.
"""
