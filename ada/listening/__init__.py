"""The listening test: people rate clips of several systems, blind, in a browser.

Importing this package imports neither TensorFlow nor what `pip install -e '.[listen]'` brings.
"""

from ada.listening.clips import Clip, find_clips
from ada.listening.order import draw_order
from ada.listening.results import Row, summarise, table
from ada.listening.store import Rating, Store

__all__ = ["Clip", "Rating", "Row", "Store", "draw_order", "find_clips", "summarise", "table"]
