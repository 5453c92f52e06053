"""`ada play`: how long one waits for sound after pressing a button.

Each pretrained system makes a new clip of 5 s, and translates 5 s of the bundled audio: once as the
first thing after the page was opened, when the system has to be loaded, and once more. Requests go
through the web application itself, without a network.
"""

import io
import tempfile
import time
from pathlib import Path
from typing import Any

from werkzeug.test import Client

from ada.playing.jobs import JobQueue
from ada.playing.server import make_app
from ada.playing.systems import System, find_systems
from ada.utils import resources

SECS = 5.0


def run(flags: Any) -> list[dict[str, Any]]:
    """A row for every pretrained system, kind of clip, and time (the first or a later one)."""
    del flags
    results = []
    with tempfile.TemporaryDirectory() as directory:
        found = find_systems(directory).values()
        cases = [(system, mode) for system in found for mode in _modes(system)]
        for number, (system, mode) in enumerate(cases):
            # A queue of its own has nothing loaded.
            folder = Path(directory) / str(number)
            client = make_app(JobQueue(folder), {system.name: system}, folder).test_client()
            settings = {"system": system.name, "mode": mode, "secs": SECS}
            if mode == "translate":
                settings |= {"levels": system.num_decoders, "sound": _upload(client)}
            for when in ("first", "again"):
                first, whole = _waits(client, settings)
                waits = {"first_sound_secs": round(first, 2), "all_secs": round(whole, 2)}
                results.append({"system": system.name, "clip": mode, "time": when} | waits)
    return results


def _modes(system: System) -> list[str]:
    return ["new"] * system.has_prior + ["translate"] * (system.num_decoders > 0)


def _upload(client: Client) -> str:
    path = min(resources.sample_audio_dir().glob("*.ogg"))
    kind = "application/octet-stream"
    answer = client.post("/uploads", data=io.BytesIO(path.read_bytes()), content_type=kind)
    return answer.json["name"]


def _waits(client: Client, settings: dict[str, Any]) -> tuple[float, float]:
    """Seconds until the first sound of a clip, and until all of it was heard."""
    began = time.perf_counter()
    number = client.post("/jobs", json=settings).json["number"]
    blocks = client.get(f"/jobs/{number}/sound").iter_encoded()
    next(blocks)  # the header of the WAV file
    next(blocks)
    first = time.perf_counter() - began
    for _ in blocks:
        pass
    return first, time.perf_counter() - began
