"""Serving: a chain as a SavedModel for TensorFlow Serving, and a client for it."""

from ada.serving.client import Client
from ada.serving.exporting import check_output, export
from ada.serving.servable import Servable

__all__ = ["Client", "Servable", "check_output", "export"]
