"""The page of `ada.sample`, where there is much to hear."""

import base64
import io
import re

import numpy as np
import soundfile

from ada.audio import write_wav
from ada.cli.sample_page import write_sample_page


def test_a_long_page_is_compressed(tmp_path):
    """10 MB hold 20 minutes; what is beyond is a file only."""
    tone = 0.5 * np.sin(np.arange(16000 * 5) / 9)
    names = [f"sample_{clip:03d}.wav" for clip in range(45)]
    for name in names:
        write_wav(tmp_path / name, tone.astype(np.float32), 16000)
    report = {
        "mode": "continue",
        "duration_secs": 5.0,
        "sample_rate": 16000,
        "wavs": names,
        "run_dirs": ["a/b"],
        "runs": [{"run_dir": "a/b"}],
        "seed": 4,
        "draws": [{"temperature": 0.5, "top_k": 3, "top_p": 0.0}],
        "real_time_factor": None,
    }
    html = write_sample_page(tmp_path, report).read_text()
    players = re.findall(r'<audio [^>]*src="data:audio/mpeg;base64,([^"]+)"', html)
    assert len(players) == 45
    sound, rate = soundfile.read(io.BytesIO(base64.b64decode(players[0])))
    assert rate == 16000 and abs(len(sound) - len(tone)) < 2500
    frequency = np.argmax(np.abs(np.fft.rfft(sound[4000:20000] * np.hanning(16000))))
    assert frequency == round(16000 / 9 / 2 / np.pi)
    assert "--seed=4" in html and "top-k" in html
    html = write_sample_page(tmp_path, report | {"duration_secs": 100.0}).read_text()
    assert html.count("<audio") == 12
    assert "33 more are files only" in html
