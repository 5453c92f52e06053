"""The page holds all that it shows, and shows what it was given."""

import base64
import html.parser
import io
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
from matplotlib import image

from ada.audio import pcm16
from ada.pages import page
from ada.pages.charts import MOST_POINTS, Curve, curves_svg

NASTY = "<script>alert('1')</script> & \"quoted\" $\\frac{"


class Reader(html.parser.HTMLParser):
    """Collects tags with their attributes, and checks that they are closed."""

    VOID = frozenset({"meta", "img", "link"})

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
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] not in (["style"], ["script"]):
            self.text += data

    def all(self, wanted):
        return [attributes for tag, attributes in self.tags if tag == wanted]


def read(document):
    reader = Reader()
    reader.feed(document)
    assert reader.open == []
    return reader


def whole_page(clips=(), usage=(0, 1, 2, 3, 4, 5, 6, 7), words="words"):
    curves = [Curve(words, [1, 2, 3], [3.0, None, 2.0])]
    return page.page(
        words,
        words,
        [
            ("Clips", [page.text_block(words), page.clips_block(clips)]),
            (words, [page.numbers_block([(words, words, words)])]),
            ("Table", [page.table_block([words, "bits"], [[words, 3.5]])]),
            (
                "Charts",
                [page.curves_block(words, curves, words, words), page.usage_block(words, usage)],
            ),
        ],
        words,
    )


def clip(secs=0.5, sample_rate=8000, title="chirp", caption=""):
    time = np.arange(round(secs * sample_rate)) / sample_rate
    audio = 0.5 * np.sin(2 * np.pi * (200 + 1000 * time) * time)
    return page.Clip(title, audio.astype(np.float32), sample_rate, caption)


def content(uri, kind):
    head, data = uri.split(",", 1)
    assert head == f"data:{kind};base64"
    return base64.b64decode(data, validate=True)


def test_nothing_is_fetched_from_anywhere():
    document = whole_page([clip(), clip(title="other")])
    for tag, attributes in read(document).tags:
        assert tag not in ("iframe", "object", "embed", "base"), tag
        for name in ("src", "href", "xlink:href", "srcset", "poster", "action"):
            value = attributes.get(name, "#")
            assert value.startswith(("data:", "#")), (tag, value[:60])
        for target in re.findall(r"url\((.*?)\)", attributes.get("clip-path", "")):
            assert target.startswith("#")
    assert not re.search(r"(?i)https?:|@import|url\((?!#)", document)
    policies = [a for a in read(document).all("meta") if "http-equiv" in a]
    assert [a["http-equiv"] for a in policies] == ["Content-Security-Policy"]
    assert policies[0]["content"].startswith("default-src 'none'")


def test_players_hold_the_audio():
    given = [clip(0.5, 8000), clip(0.3, 22050)]
    players = read(page.clips_block(given)).all("audio")
    for one, player in zip(given, players, strict=True):
        assert "controls" in player
        samples, sample_rate = soundfile.read(
            io.BytesIO(content(player["src"], "audio/wav")), dtype="int16"
        )
        assert sample_rate == one.sample_rate
        np.testing.assert_array_equal(samples, pcm16(one.audio))


def test_pictures_are_pictures_and_say_of_what():
    [picture] = read(page.clips_block([clip(title="a chirp")])).all("img")
    pixels = image.imread(io.BytesIO(content(picture["src"], "image/png")))
    assert pixels.ndim == 3
    assert pixels.std() > 0
    assert picture["alt"] == "Spectrogram of a chirp, 0 to 4 kHz"


def test_text_is_escaped():
    document = whole_page([clip(title=NASTY, caption=NASTY)], words=NASTY)
    reader = read(document)
    assert len(reader.all("script")) == 1
    assert "alert('1')</script>" not in document
    # Title and heading of the page, section, link, cards, chart labels, cells, caption, footer.
    assert reader.text.count(NASTY) >= 15
    assert [a["aria-label"] for a in reader.all("audio")] == [NASTY]


@pytest.mark.parametrize("usage", [np.zeros(4), [0, 7, 0], [3, 3, 3], [5], []])
def test_any_usage_makes_a_page(usage):
    read(whole_page(usage=usage))


def test_empty_and_silent_things_do_not_break_it():
    silent = page.Clip("silence", np.zeros(4000, np.float32), 8000)
    empty = page.Clip("nothing", np.zeros(0, np.float32), 8000)
    assert len(read(whole_page([silent, empty])).all("audio")) == 2
    assert "There are no clips." in read(whole_page([])).text
    read(page.page("", "", []))
    read(page.numbers_block([]) + page.table_block(["a"], []) + page.text_block(""))
    without = [Curve("a", [], []), Curve("b", [1], [float("nan")])]
    assert "Nothing was recorded." in page.curves_block("title", without, "x", "y")


def test_charts_are_svg_with_text_and_the_colours_of_the_page():
    svg = curves_svg([Curve("train", [1, 2], [3, 4])], "step", "bits a sample")
    root = ElementTree.fromstring(svg)
    texts = ["".join(element.itertext()) for element in root.iter("text")]
    assert {"step", "bits a sample"} <= set(texts)
    assert root.get("role") == "img"
    assert "train" in root.get("aria-label")
    assert "var(--curve-1" in svg
    assert "var(--soft" in svg
    # What inline SVG would leak to the page.
    assert not list(root.iter("style"))
    assert not list(root.iter("metadata"))


def test_ids_are_unique_and_references_have_targets():
    curves = [Curve("a", [1, 2], [3.0, 2.0])]
    blocks = [page.curves_block("one", curves, "step", y) for y in ("bits", "nats")]
    document = page.page("title", "", [(f"s{k}", blocks[k : k + 1]) for k in (0, 1)] + [("s", [])])
    reader = read(document)
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes.get("href", "") for _, attributes in reader.tags]
    clips = [attributes.get("clip-path", "") for _, attributes in reader.tags]
    used = {link[1:] for link in links if link.startswith("#")}
    used |= {path[len("url(#") : -1] for path in clips if path}
    assert used <= set(ids)
    assert any(path for path in clips)


def test_the_same_things_make_the_same_page():
    assert whole_page([clip()]) == whole_page([clip()])


def test_a_legend_says_where_curves_end():
    curves = [Curve("train", [1, 2, 3], [3.0, 2.0, None]), Curve("other", [1], [0.5])]
    text = read(page.curves_block("title", curves, "step", "bits")).text
    assert "train ends at 2" in text
    assert "other ends at 0.5" in text


def test_long_curves_stay_small_and_keep_their_level():
    steps = np.arange(50_000)
    noisy = 3.0 + np.random.default_rng(0).normal(0, 1, len(steps))
    svg = curves_svg([Curve("noisy", steps, noisy)], "step", "bits")
    assert len(svg) < 40 * MOST_POINTS
    # The axis spans the means of stretches, not the noise.
    labels = [element.text for element in ElementTree.fromstring(svg).iter("text")]
    levels = [float(label) for label in labels if re.fullmatch(r"\d(\.\d+)?", label)]
    assert min(level for level in levels if level) > 2
    assert max(levels) < 4


def test_curves_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="'a': 2 values of x, 1 of y"):
        page.curves_block("title", [Curve("a", [1, 2], [1])], "x", "y")


def test_usage_tells_perplexity_and_used_codes():
    text = read(page.usage_block("codes", np.array([4, 4, 0, 0, 4, 4]))).text
    assert "perplexity 4.0 of 6" in text
    assert "used codes 4 of 6" in text
    # Shares count as counts do.
    assert "perplexity 4.0 of 6" in read(page.usage_block("", [0.25, 0.25, 0, 0, 0.25, 0.25])).text
    assert "None of the 6 codes was used." in page.usage_block("codes", np.zeros(6))


@pytest.mark.parametrize("usage", [np.ones((2, 2)), [1.0, -1.0], [1.0, np.nan]])
def test_usage_that_is_no_count_is_refused(usage):
    with pytest.raises(ValueError, match="usage must be counts"):
        page.usage_block("codes", usage)


def test_tables_name_their_rows_and_align_numbers():
    reader = read(page.table_block(["system", "bits", "note"], [["a", 3.5, "x"], ["b", "4", ""]]))
    assert [a.get("scope") for a in reader.all("th")] == ["col"] * 3 + ["row"] * 2
    assert [a.get("class") for a in reader.all("td")] == ["number", None] * 2
    with pytest.raises(ValueError, match="a row has 1 cells, the header 2"):
        page.table_block(["a", "b"], [["x"]])


def test_headings_do_not_skip_a_level():
    reader = read(whole_page([clip()]))
    levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))


def test_text_is_divided_by_blank_lines():
    assert page.text_block("one\ntwo\n\n\nthree").count("<p>") == 2


def test_a_page_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "new" / "page.html"
    page.write_page(path, "first é")
    page.write_page(str(path), "second é")
    assert path.read_text(encoding="utf-8") == "second é"

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        page.write_page(path, "third")
    monkeypatch.undo()
    assert path.read_text(encoding="utf-8") == "second é"
    assert list(path.parent.iterdir()) == [path]


def test_importing_it_imports_neither_tensorflow_nor_matplotlib():
    # The package's own __init__ loads the scorer: a bare package shows what the module needs.
    root = Path(page.__file__).parent
    code = f"""
import sys, types
package = types.ModuleType("ada.evaluation")
package.__path__ = [{str(root)!r}]
sys.modules["ada.evaluation"] = package
import ada.pages.page
assert not {{"tensorflow", "matplotlib"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root.parents[1])
