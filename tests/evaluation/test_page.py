"""The page holds all that it shows, and shows what it was given."""

import base64
import html.parser
import io
import re

import numpy as np
import soundfile

from ada.audio import pcm16
from ada.evaluation import page
from ada.evaluation.charts import Curve


class Reader(html.parser.HTMLParser):
    """Collects tags with their attributes, and checks that they are closed."""

    VOID = frozenset({"meta", "img", "br", "path", "use", "rect"})

    def __init__(self):
        super().__init__()
        self.tags, self.open, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def whole_page(clips=(), usage=None):
    usage = np.arange(8.0) if usage is None else usage
    return page.page(
        "A <title>",
        "from & to",
        [
            ("Clips", [page.clips_block(clips)]),
            ("Numbers", [page.numbers_block([("bits", "3.1", "a < b & c")])]),
            (
                "Charts",
                [
                    page.curves_block("run <1>", [Curve("a", [1, 2], [3.0, 2.0])], "step", "bits"),
                    page.usage_block("codes", usage),
                ],
            ),
        ],
    )


def read(document):
    reader = Reader()
    reader.feed(document)
    assert reader.open == []
    return reader


def chirp(secs=0.5, rate=8000):
    time = np.arange(round(secs * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * (200 + 1000 * time) * time)).astype(np.float32), rate


def test_nothing_is_fetched_from_anywhere():
    audio, rate = chirp()
    reader = read(whole_page([page.Clip("chirp", audio, rate, "up")]))
    for tag, attributes in reader.tags:
        assert tag not in ("link", "iframe", "object"), tag
        for name in ("src", "href", "xlink:href"):
            value = attributes.get(name, "#")
            assert value.startswith(("data:", "#")), (tag, value[:60])


def test_players_hold_the_audio_and_pictures_are_pictures():
    audio, rate = chirp()
    reader = read(whole_page([page.Clip("chirp", audio, rate)]))
    [player] = [a for tag, a in reader.tags if tag == "audio"]
    content = base64.b64decode(player["src"].split(",", 1)[1])
    samples, found_rate = soundfile.read(io.BytesIO(content), dtype="int16")
    assert found_rate == rate
    np.testing.assert_array_equal(samples, pcm16(audio))
    [picture] = [a for tag, a in reader.tags if tag == "img"]
    assert base64.b64decode(picture["src"].split(",", 1)[1]).startswith(b"\x89PNG\r\n")
    assert picture["alt"] == "Spectrogram of chirp"


def test_text_is_escaped():
    document = whole_page()
    assert "A &lt;title&gt;" in document
    assert "a &lt; b &amp; c" in document
    assert "<title>A <title>" not in document


def test_empty_and_silent_things_do_not_break_it():
    silent = page.Clip("silence", np.zeros(4000, np.float32), 8000)
    reader = read(whole_page([silent], np.zeros(4)))
    assert sum(tag == "svg" for tag, _ in reader.tags) == 2
    read(whole_page([]))


def test_charts_show_their_labels():
    document = whole_page()
    # matplotlib draws text as paths and keeps it as comments.
    assert re.search(r"<!-- step -->", document)
    assert re.search(r"<!-- equal use -->", document)
