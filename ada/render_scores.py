"""Renders scores as solo piano audio with FluidSynth, for example to train on.

    python -m ada.render_scores --output_dir=data/chorales_audio
    python -m ada.render_scores --scores=scores/ --scores='more/**/*.mid' \
        --output_dir=data/piano_audio

Without --scores, the Bach chorales that music21 distributes are rendered: about 350 pieces and
five hours. Needs `pip install -e '.[scores]'`, the program fluidsynth and a soundfont (Debian,
Ubuntu: apt-get install fluidsynth musescore-general-soundfont).

MIDI files (.mid, .midi) are always played as written: times, velocities and pedals of all tracks
are kept, all instruments become piano, and drums (channel 10) are dropped. Notation (.musicxml,
.mxl, .xml) holds no performance, so it gets one: a wandering tempo that slows down before fermatas
and at the end, breaths after phrases, louder top notes, phrases that swell and fade. A performance
depends on --seed, the score's name below --scores and the transposition only. Repeats are played
once; dynamics and grace notes are ignored.

Each piece becomes a mono 16-bit FLAC file. MANIFEST.tsv lists the pieces, LICENSES.md says what is
known about rights. Broken scores are skipped. Run again, the command renders what is missing.

The output is input for ada.prepare_audio, which splits by file: with several transpositions,
those of one piece may get into different splits.
"""

import os
from pathlib import Path

from absl import flags

from ada.cli import commands, value_flags
from ada.utils import log
from ada.utils.errors import UsageError

FLAGS = flags.FLAGS
value_flags.define_patterns(
    "scores",
    [],
    "Files, folders (searched recursively) or patterns ('**' matches any number of folders) of "
    "MIDI and MusicXML; may be repeated. Default: the Bach chorales of music21.",
)
value_flags.define_path("output_dir", None, "Directory of the audio; created if missing.")
value_flags.define_path(
    "soundfont", None, "Soundfont (.sf2, .sf3). Default: the first found in the usual places."
)
value_flags.define_seed("Random seed of the performances.")
value_flags.define_count(
    "limit", None, "Maximum number of scores, in order of their names.", lower_bound=1
)
flags.DEFINE_list(
    "transpose", ["0"], "Transpositions in semitones, separated by commas; one rendering each."
)
flags.DEFINE_integer("sample_rate", 16000, "Sample rate in Hz.", 1000, 192000)
value_flags.define_count("jobs", None, "Number of processes. Default: the number of cores.")

# Two octaves: further, much of a piece leaves the keyboard.
MAX_SEMITONES = 24


def main(argv: list[str]) -> int:
    """Renders what the flags say; 1 if there is nothing to show for it."""
    del argv
    semitones = _semitones(FLAGS.transpose)
    # Here, not above: --help needs no extras.
    from ada.rendering.requirements import find_soundfont, require_programs

    require_programs()
    soundfont = find_soundfont(FLAGS.soundfont)
    from ada.rendering.scores import chorales, find_scores

    scores = (find_scores(FLAGS.scores) if FLAGS.scores else chorales())[: FLAGS.limit]
    from ada.rendering.licences import write_licences
    from ada.rendering.piece import Piece, RenderOptions
    from ada.rendering.render import render

    options = RenderOptions(soundfont, FLAGS.sample_rate, FLAGS.seed)
    pieces = [Piece(score, number) for score in scores for number in semitones]
    output_dir = Path(FLAGS.output_dir)
    rows, skipped = render(pieces, output_dir, options, FLAGS.jobs or os.cpu_count() or 1)
    write_licences(output_dir, rows, options.soundfont, chorales=not FLAGS.scores)
    # One line for all transpositions.
    reasons = {each.piece.score.path: each.reason for each in skipped}
    for path, reason in reasons.items():
        log.warning(f"Skipped {path}: {reason}")
    hours = sum(row.seconds for row in rows) / 3600
    print(f"{len(rows)} pieces, {hours:.2f} hours in {output_dir}; {len(reasons)} scores skipped.")
    return 0 if rows else 1


def _semitones(values: list[str]) -> list[int]:
    """Transpositions of the flag, each once."""
    try:
        semitones = list(dict.fromkeys(map(int, values)))
    except ValueError as error:
        raise UsageError(f"--transpose={','.join(values)}: use integers, such as 0,-2,3") from error
    wrong = [number for number in semitones if abs(number) > MAX_SEMITONES]
    if wrong or not semitones:
        raise UsageError(
            f"--transpose={','.join(values)}: use at least one number from {-MAX_SEMITONES} to "
            f"{MAX_SEMITONES}"
        )
    return semitones


if __name__ == "__main__":
    flags.mark_flag_as_required("output_dir")
    commands.run(main, tensorflow=False)
