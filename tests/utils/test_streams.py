"""Messages: nothing steers their terminal, and nobody need listen."""

import io
import os
from pathlib import Path

import pytest
from tqdm import tqdm

from ada.utils.streams import Forgiving, escaped, give_up, printable

HARMFUL = [
    "\x1b]0;title\x07",
    "\x1b[2J\x1b[A",
    "a\rb",
    "\x9b31m",
    "\x08\x7f",
    "\u202egnp.exe",
    "\u2066x\u2069",
]


@pytest.mark.parametrize("name", HARMFUL)
def test_control_characters_of_names_are_escaped(name):
    stream = io.StringIO()
    print(f"{name}:\ttruncated\nnext", file=Forgiving(stream, OSError))
    message = stream.getvalue()
    assert (
        message.endswith(":\ttruncated\nnext\n")
        and message.replace("\t", "").replace("\n", "").isprintable()
    )
    assert printable(name).isprintable() and "\\" in printable(name)


def test_text_stays_as_it_is():
    text = "Bach, „Air“ – 日本 🎹\n\tü"
    assert escaped(text) == text
    assert printable("a\nb\udcff.wav") == "a\\nb\\udcff.wav"


def test_bars_are_cleared_by_what_is_written_between():
    stream = io.StringIO()
    errors = Forgiving(stream, OSError)
    bar = tqdm(total=3, file=errors.unescaped, mininterval=0)
    tqdm.write("between", file=errors)
    assert bar.fp == errors and "\rbetween\n" in stream.getvalue().replace(" ", "")
    bar.close()


def test_output_that_nobody_reads_is_dropped():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1) as stream:
        forgiving = Forgiving(stream, BrokenPipeError)
        for _ in range(3):
            print("x" * 100_000, file=forgiving)
        forgiving.flush()
    full = Path("/dev/full").open("w", buffering=1)  # noqa: SIM115 - closing it fails
    with pytest.raises(OSError, match="No space"):
        print("x", file=Forgiving(full, BrokenPipeError))
    give_up(full)
    full.close()
