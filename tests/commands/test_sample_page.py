"""The page of `ada.sample`, where there is much to hear."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile

from ada.audio import write_wav
from ada.cli.sample_page import write_sample_page
from ada.pages import page, share
from ada.utils.errors import UserError


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


def test_a_shared_page_is_as_small_as_asked(tmp_path, monkeypatch):
    noise = 0.3 * np.random.default_rng(0).standard_normal(16000 * 4).astype(np.float32)
    html = page.page("A", "B", [("C", [page.clips_block([page.Clip("d", noise, 16000)])])])
    sizes = []
    for _ in range(3):
        most = (sizes or [len(html)])[-1] - 1
        small = share.shared(html, most)
        assert len(small.encode()) <= most
        sizes.append(len(small.encode()))
        [player] = re.findall(r'src="data:audio/mpeg;base64,([^"]+)"', small)
        sound, _ = soundfile.read(io.BytesIO(base64.b64decode(player)))
        assert abs(len(sound) - len(noise)) < 2500
    assert sizes[0] > sizes[1] > sizes[2]
    assert share.shared(html, 1000) is None
    page.write_page(tmp_path / "page.html", html)
    share.share(tmp_path / "page.html")
    assert (tmp_path / share.FILE).read_text() == share.shared(html)
    monkeypatch.setattr(share.shared, "__defaults__", (1000,))
    with pytest.raises(UserError, match="more sound than fits into 10 MB"):
        share.share(tmp_path / "page.html")
