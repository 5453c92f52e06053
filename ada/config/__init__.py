"""Reads gin files: the bindings as text, and the objects that they configure."""
