"""A listening test to try: clips, the server as a process that can be killed, and raters."""

import contextlib
import http.client
import json
import re
import subprocess
import sys
import time

import numpy as np
from support import ROOT

from ada.audio import write_wav

# Names that occur nowhere by chance.
SYSTEMS = ("zebra_wavenet", "quagga_vqvae", "okapi_amae")
RATE = 16000


def write_samples(directory, clips=2, secs=0.5, systems=SYSTEMS):
    """One folder a system, each louder and noisier than the one before; returns the directory."""
    rng = np.random.default_rng(0)
    steps = np.arange(round(secs * RATE)) / RATE
    for level, system in enumerate(systems):
        for clip in range(clips):
            tone = np.sin(2 * np.pi * (220 + 110 * clip + 40 * level) * steps)
            noise = rng.standard_normal(len(steps))
            audio = 0.03 * 4**level * (tone + 0.05 * level * noise)
            write_wav(directory / system / f"sample_{clip:03d}.wav", audio.astype(np.float32), RATE)
        # What ada.sample leaves beside them is never to be served.
        (directory / system / "sample.json").write_text('{"mode": "ancestral"}')
        (directory / system / "codes.npz").write_bytes(b"codes")
    return directory


class Server:
    """`ada.listen serve` as a process; the port stays the same over restarts."""

    def __init__(self, samples, db, *flags):
        self.samples, self.db, self.flags = samples, db, flags
        self.port, self.process = 0, None
        self.start()

    def start(self):
        command = [f"--samples={self.samples}", f"--db={self.db}", f"--port={self.port}"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ada.listen", "serve", *command, *self.flags],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.said = self.process.stdout.readline()
        self.url = re.search(r"http://\S+", self.process.stdout.readline())[0]
        self.port = int(self.url.rsplit(":", 1)[1])

    def kill(self):
        """As kill -9 does."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def ask(self, method, path, body=None, headers=None):
        """Returns status, headers and content of an answer; the path goes out as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()


class Rater:
    """Somebody who rates, over a network that may fail."""

    def __init__(self, server):
        self.server, self.cookie, self.acknowledged = server, None, {}

    def insist(self, method, path, content=None):
        """Asks until there is an answer."""
        headers = {"Cookie": self.cookie} if self.cookie else {}
        if content is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(content)
        while True:
            try:
                return self.server.ask(method, path, content, headers)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)

    def begin(self):
        status, headers, _ = self.insist("POST", "/raters", {})
        assert status == 204
        self.cookie = headers["Set-Cookie"].split(";")[0]
        return self

    @property
    def token(self):
        return self.cookie.split("=")[1]

    def session(self):
        return json.loads(self.insist("GET", "/session")[2])["clips"]

    def clip(self, key, **headers):
        """Asks for a clip."""
        headers = {"Cookie": self.cookie} | headers
        return self.server.ask("GET", f"/clips/{key}", headers=headers)

    def rate(self, clip, fidelity, musicality):
        given = {"clip": clip, "fidelity": fidelity, "musicality": musicality}
        status, _, _ = self.insist("POST", "/ratings", given)
        if status == 204:
            self.acknowledged[clip] = fidelity, musicality
        return status
