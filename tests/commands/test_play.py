"""`python -m ada.play` as a process: it says where it is, answers, and ends."""

import json
import re
import signal
import time
import urllib.request

import pytest
from support import refuses, start

pytest.importorskip("flask")


def test_serves_until_ctrl_c(chain_dirs, tmp_path):
    runs, clips = chain_dirs[1][0].rsplit("/", 1)[0], tmp_path / "clips"
    flags = ["--nobrowser", "--port=0", f"--runs={runs}", f"--output_dir={clips}"]
    with start("ada.play", *flags) as process:
        deadline = time.monotonic() + 120
        while not (found := re.search(r"Open (http://\S+)", process.said()[0])):
            assert process.poll() is None and time.monotonic() < deadline, process.said()
            time.sleep(0.05)
        with urllib.request.urlopen(f"{found[1]}/state", timeout=60) as answer:
            state = json.load(answer)
        assert "piano_notes" in [system["name"] for system in state["systems"]]
        assert chain_dirs[3][0] in [system["name"] for system in state["systems"]]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130, process.said()
        assert "Traceback" not in process.said()[1]


def test_remote_folders_are_refused():
    refuses("ada.play", "--output_dir=gs://bucket/clips", said="gs://bucket/clips")
