"""Generations that are recorded, and what is in their directories."""

import numpy as np
from support import LevelsOnce

from ada.generation import SamplingConfig
from ada.generation.recording import record

SETTINGS = {"mode": "ancestral", "seed": 3, "draws": [(3, 1.0)]}
OPTIONS = {"batch_size": 2, "backend": "graph"}

levels_once = LevelsOnce()


def named(settings, request, form="wav"):
    """Settings with the names of the clips."""
    return settings | {"wavs": [f"sample_{index:03d}.{form}" for index in request.indices]}


def made(directory, request, settings=SETTINGS, overwrite=False, stop=None, form="wav", **numbers):
    """Runs a command, or what is missing of it, up to a number of blocks; how much it drew."""
    with record(directory, request, named(settings, request, form), overwrite) as taker:
        if taker is None:
            return None
        with levels_once():
            drawing = request.stream([SamplingConfig(3)] * 3, prefixes=taker.prefixes, **OPTIONS)
        for number, block in enumerate(drawing):
            if number == stop:
                return drawing.num_generated
            taker.take(block)
        taker.finish(numbers)
        return drawing.num_generated


def contents(directory):
    """All files by name; of the archive, what is in it."""
    files = {p.name: p.read_bytes() for p in directory.iterdir() if p.is_file()}
    with np.load(directory / "codes.npz") as arrays:
        files["codes.npz"] = {name: array.tobytes() for name, array in arrays.items()}
    return files
