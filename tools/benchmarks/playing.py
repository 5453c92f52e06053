"""`ada play`: how long one waits for sound after pressing a button.

Each pretrained system makes a new clip of 5 s, and translates 5 s of the bundled audio: at once
after it was chosen, when it is not loaded yet; ten seconds after it was chosen; and once more.
Requests go through the web application itself, without a network.
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
    """A row for every pretrained system, kind of clip, and moment."""
    del flags
    results = []
    with tempfile.TemporaryDirectory() as directory:
        systems = find_systems(directory).values()
        for system, mode in [(each, mode) for each in systems for mode in _modes(each)]:
            what = {"system": system.name, "clip": mode}
            for when in ("at once", "after 10 s"):
                # A queue of its own has nothing loaded.
                folder = Path(tempfile.mkdtemp(dir=directory))
                client = make_app(JobQueue(folder), {system.name: system}, folder).test_client()
                settings = {"system": system.name, "mode": mode, "secs": SECS}
                if mode == "translate":
                    settings |= {"levels": system.num_decoders, "sound": _upload(client)}
                if when == "after 10 s":
                    client.post("/systems/load", json={"system": system.name})
                    time.sleep(10.0)
                results.append(what | {"when": when} | _waits(client, settings))
            results.append(what | {"when": "again"} | _waits(client, settings))
    return results


def _modes(system: System) -> list[str]:
    return ["new"] * system.has_prior + ["translate"] * (system.num_decoders > 0)


def _upload(client: Client) -> str:
    path = min(resources.sample_audio_dir().glob("*.ogg"))
    kind = "application/octet-stream"
    answer = client.post("/uploads", data=io.BytesIO(path.read_bytes()), content_type=kind)
    return answer.json["name"]


def _waits(client: Client, settings: dict[str, Any]) -> dict[str, float]:
    """Seconds until the first sound of a clip, and until all of it was heard."""
    began = time.perf_counter()
    number = client.post("/jobs", json=settings).json["number"]
    blocks = client.get(f"/jobs/{number}/sound").iter_encoded()
    next(blocks)  # the header of the WAV file
    next(blocks)
    first = time.perf_counter() - began
    for _ in blocks:
        pass
    whole = time.perf_counter() - began
    return {"first_sound_secs": round(first, 2), "all_secs": round(whole, 2)}
