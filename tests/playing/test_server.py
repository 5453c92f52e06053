"""What the page of `ada play` asks for: clips are heard as they are made, kept, and made again."""

import io
import json
import queue
import shlex
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support import run_here

from ada.playing import jobs
from ada.playing.jobs import MOST_WAITING
from ada.playing.server import make_app


def samples(content):
    return soundfile.read(io.BytesIO(content), dtype="int16")


def uploaded(client, tone, title="my tune.wav"):
    answer = client.post(
        f"/uploads?title={title}", data=tone, content_type="application/octet-stream"
    )
    assert answer.status_code == 201, answer.text
    assert answer.json["secs"] == pytest.approx(2.0, abs=0.01)
    return answer.json["name"]


def over(client, number):
    """A job when it is over."""
    deadline = time.monotonic() + 120
    while True:
        job = client.get(f"/jobs/{number}").json
        if job["state"] in ("done", "stopped", "failed"):
            return job
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_chosen_system_is_loaded_before_a_clip_is_asked_for(systems, clips, monkeypatch):
    loaded, load_levels = queue.Queue(), jobs.load_levels
    monkeypatch.setattr(
        jobs, "load_levels", lambda chain, *args: loaded.put(chain) or load_levels(chain, *args)
    )
    name = systems[2].name
    client = make_app(jobs.JobQueue(clips), {name: systems[2]}, clips).test_client()
    assert client.post("/systems/load", json={"system": "unknown"}).status_code == 400
    assert client.post("/systems/load", json=[name]).status_code == 400
    assert client.post("/systems/load", json={"system": name}).status_code == 202
    assert len(loaded.get(timeout=60).runs) == 2
    job = client.post("/jobs", json={"system": name, "mode": "new", "secs": 0.5, "seed": 3}).json
    assert over(client, job["number"])["state"] == "done"
    assert loaded.empty()


@pytest.mark.parametrize(
    ("mode", "levels", "title"),
    [
        ("new", 3, "{system}-new-seed7"),
        ("continue", 3, "my-tune-continued-seed7"),
        ("variation", 2, "my-tune-varied-seed7"),
        ("translate", 3, "my-tune-translated-2-seed7"),
    ],
)
def test_clips_are_kept_and_their_command_repeats_them(
    mode, levels, title, client, systems, clips, tone, tmp_path
):
    spec = {"mode": mode, "system": systems[levels].name, "secs": 1.5, "seed": 7, "levels": 2}
    spec |= {"temperature": 0.9, "topP": 0.8, "listenSecs": 1.0}
    if mode != "new":
        spec["sound"] = uploaded(client, tone)
    title = title.format(system=Path(systems[levels].name).name)
    job = client.post("/jobs", json=spec).json
    heard, rate = samples(client.get(f"/jobs/{job['number']}/sound").data)
    job = over(client, job["number"])
    assert (job["state"], job["title"], job["made"]) == ("done", title, 1.0), job
    assert rate == 4000
    assert len(heard) == (6000 if mode in ("new", "translate") else 10000)
    kept = client.get(f"/clips/{title}/clip.wav").data
    assert kept == (clips / title / f"{title}.wav").read_bytes()
    np.testing.assert_array_equal(samples(kept)[0], heard)
    np.testing.assert_array_equal(samples(client.get(f"/clips/{title}/clip.flac").data)[0], heard)
    html = client.get(f"/clips/{title}/sample.html").text
    command = html.split("<code>")[1].split("</code>")[0]
    again = run_here(*shlex.split(command)[2:], f"--output_dir={tmp_path / 'again'}")
    assert again.returncode == 0, again.stderr
    np.testing.assert_array_equal(
        samples((tmp_path / "again" / f"{title}.wav").read_bytes())[0], heard
    )


def test_a_clip_can_be_varied_and_seeds_differ(client, systems):
    spec = {"mode": "new", "system": systems[1].name, "secs": 0.5}
    first = over(client, client.post("/jobs", json=spec).json["number"])
    spec |= {"mode": "variation", "clip": first["title"], "listenSecs": 0.5}
    second = over(client, client.post("/jobs", json=spec).json["number"])
    assert second["state"] == "done", second
    assert second["title"].startswith(f"{first['title']}-varied")
    assert second["seed"] != first["seed"]
    names = [clip["name"] for clip in client.get("/state").json["clips"]]
    assert names[:2] == [second["title"], first["title"]]


def test_jobs_wait_are_stopped_and_are_not_without_end(client, systems):
    spec = {"mode": "new", "system": systems[3].name, "secs": 120.0}
    first = client.post("/jobs", json=spec).json["number"]
    sound = client.get(f"/jobs/{first}/sound", buffered=False).response
    next(iter(sound))  # it is being made
    waiting = [client.post("/jobs", json=spec) for _ in range(MOST_WAITING + 1)]
    assert [answer.status_code for answer in waiting] == [201] * MOST_WAITING + [503]
    assert "wait already" in waiting[-1].text
    numbers = [answer.json["number"] for answer in waiting[:-1]]
    assert [job["number"] for job in client.get("/state").json["jobs"]] == [first, *numbers]
    for number in reversed(numbers):
        client.post(f"/jobs/{number}/stop", json={})
        assert client.get(f"/jobs/{number}").json["state"] == "stopped"
        assert client.get(f"/jobs/{number}/sound").status_code == 404
    client.post(f"/jobs/{first}/stop", json={})
    assert over(client, first)["made"] < 1.0


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ([], "object"),
        ({}, "system"),
        ({"system": "nowhere"}, "system"),
        ({"mode": "sing"}, "what it is to do"),
        ({"secs": 1e9}, "secs must lie"),
        ({"secs": float("nan")}, "secs must lie"),
        ({"temperature": "hot"}, "temperature must be a number"),
        ({"seed": True}, "seed must be a number"),
        ({"seed": -1}, "seed must lie"),
        ({"mode": "continue"}, "Choose a sound"),
        ({"mode": "continue", "sound": "../../../etc/passwd"}, "Choose a sound"),
        ({"mode": "continue", "sound": ".."}, "Choose a sound"),
        ({"mode": "variation", "clip": ".."}, "Choose a sound"),
        ({"mode": "translate", "levels": 1}, "no codes"),
    ],
)
def test_invalid_settings_are_refused(spec, said, client, systems):
    if isinstance(spec, dict) and spec:
        spec = {"mode": "new", "system": systems[1].name} | spec
    answer = client.post("/jobs", data=json.dumps(spec), content_type="application/json")
    assert answer.status_code == 400
    assert said in answer.text


def test_other_sites_and_other_files_are_refused(client):
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        assert client.get("/state", headers=headers).status_code == 403
    assert client.post("/jobs", data="{}", content_type="text/plain").status_code == 415
    assert client.post("/uploads", data=b"x", content_type="text/plain").status_code == 415
    answer = client.post("/uploads", data=b"text", content_type="application/octet-stream")
    assert answer.status_code == 400
    assert "cannot be read" in answer.text
    for path in (
        "/clips/../clip.wav",
        "/clips/sounds/clip.wav",
        "/clips/my-tune-continued-seed7/sample.json",
    ):
        assert client.get(path).status_code == 404
    assert "default-src 'none'" in client.get("/").headers["Content-Security-Policy"]
