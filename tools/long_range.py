"""The long-range demonstration: who finds structure beyond a local model's reach?

    python -m tools.long_range --output_dir=runs/long_range

Draws pieces that repeat a random motif (`tools.motifs.source`), trains a plain WaveNet, a thin
WaveNet whose receptive field holds the motif, and an autoencoder with a prior, at equal parameters
and steps (`gin/long_range/`), and reports what each captures of the bits that only the past
repetitions tell: long_range.json, .txt and .png. Run again, it resumes where it stopped.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from absl import flags

from ada.cli import commands, value_flags

SYSTEMS = {
    "plain WaveNet": ("plain_wavenet",),
    "thin WaveNet": ("thin_wavenet",),
    "ADA chain": ("vqvae", "prior"),
}
SAMPLE_RATE = 16000

FLAGS = flags.FLAGS
value_flags.define_path("output_dir", "runs/long_range", "Where everything goes.")
value_flags.define_seed("Of the pieces, the training and the generated clips.")
value_flags.define_count("num_pieces", 1000, "Pieces to draw.", lower_bound=3)
value_flags.define_count("motif_notes", 60, "Notes of a motif.", lower_bound=1)
value_flags.define_count("repetitions", 8, "How often a piece plays its motif.", lower_bound=2)
value_flags.define_count("num_clips", 8, "Pieces that every system generates.", lower_bound=1)
value_flags.define_gin_files("Gin file on top of every model; may be repeated.")
flags.DEFINE_multi_string("gin_param", [], "Gin binding on top of every model; may be repeated.")


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    from ada.utils.files import write_text_atomically
    from tools.motifs.report import draw, table
    from tools.motifs.source import Source

    source = Source(motif_notes=FLAGS.motif_notes, repetitions=FLAGS.repetitions)
    out = Path(FLAGS.output_dir)
    data_dir = _prepare(source, out)
    for name, levels in SYSTEMS.items():
        _run_system(source, levels, str(out / _slug(name)), data_dir)
    result = _measure(source, out, data_dir)
    write_text_atomically(str(out / "long_range.json"), json.dumps(result, indent=1) + "\n")
    write_text_atomically(str(out / "long_range.txt"), table(result) + "\n")
    draw(result, out / "long_range.png")
    print(table(result))
    print(f"Look: {out / 'long_range.png'}")


def _prepare(source: Any, out: Path) -> str:
    """Writes pieces as WAV files and prepares them like any music; returns the dataset."""
    from ada.audio import write_wav
    from ada.data import Dataset
    from ada.preparation.options import AudioOptions
    from ada.preparation.prepare import prepare
    from ada.utils import log
    from ada.utils.errors import UserError
    from ada.utils.files import write_text_atomically
    from tools.motifs.source import levels_to_audio

    pieces = dataclasses.asdict(source) | {"num_pieces": FLAGS.num_pieces, "seed": FLAGS.seed}
    record, data_dir = out / "pieces.json", str(out / "data")
    if record.exists() and json.loads(record.read_text("utf-8")) != pieces:
        raise UserError(f"{out} holds other pieces ({record}): choose another --output_dir.")
    if Dataset.is_complete(data_dir):
        return data_dir
    log.info(f"Drawing {FLAGS.num_pieces} pieces of {source.piece_steps} samples.")
    write_text_atomically(str(record), json.dumps(pieces) + "\n")
    for number, levels in enumerate(source.draw(FLAGS.num_pieces, FLAGS.seed)[1]):
        write_wav(out / "pieces" / f"{number:05d}.wav", levels_to_audio(levels), SAMPLE_RATE)
    options = AudioOptions(
        inputs=(str(out / "pieces"),),
        sample_rate=SAMPLE_RATE,
        min_secs=0.0,
        validation_fraction=0.04,
        test_fraction=0.05,
    )
    prepare(data_dir, options)
    return data_dir


def _run_system(source: Any, levels: tuple[str, ...], run_dir: str, data_dir: str) -> None:
    """Trains, extracts codes, generates and scores, by the commands that any system takes."""
    from ada.systems.system import System, run_system

    run_system(
        System(
            levels=tuple(f"long_range/{level}" for level in levels),
            overlays=tuple(FLAGS.gin_file),
            gin_params=(*FLAGS.gin_param, f"train.seed={FLAGS.seed}"),
            data_dir=data_dir,
            num_samples=FLAGS.num_clips,
            duration_secs=source.piece_steps / SAMPLE_RATE,
            seed=FLAGS.seed,
        ),
        run_dir,
    )


def _measure(source: Any, out: Path, data_dir: str) -> dict[str, Any]:
    """Scores all systems on the test split, against what is possible."""
    from ada.data import Dataset, audio_to_ids
    from ada.runs.chain import Chain
    from tools.motifs.optimum import optimal_bits
    from tools.motifs.report import by_note, measured, repeated_notes, split_bits
    from tools.motifs.scoring import read_pieces, score
    from tools.motifs.source import ids_to_levels

    ids = read_pieces(Dataset.open(data_dir), "test", audio_to_ids())
    levels = ids_to_levels(ids)
    optima = {
        "best without memory": optimal_bits(source, levels, memory=False),
        "best with memory": optimal_bits(source, levels, memory=True),
    }
    systems = []
    for name, names in SYSTEMS.items():
        root = out / _slug(name)
        run_dirs = [str(root / "long_range" / level) for level in reversed(names)]
        chain = Chain.open(run_dirs)
        models = [run.build_model() for run in chain.runs]
        clips = sorted((root / "samples").glob("*.wav"))
        systems.append(
            {
                "name": name,
                "parameters": sum(model.count_params() for model in models),
                "receptive_field": models[0].receptive_field * chain.runs[0].info.hop_length,
                "repeated": repeated_notes(source, _read_levels(clips)),
                "seconds": json.loads((root / "summary.json").read_text("utf-8"))["stage_seconds"],
            }
            | measured(source, score(chain, ids), *optima.values())
        )
    return {
        "source": dataclasses.asdict(source),
        "seed": FLAGS.seed,
        "test_pieces": len(ids),
        "real_repeated": repeated_notes(source, levels),
        "systems": systems,
        "optima": [
            {"name": name, "curve": by_note(source, bits)} | split_bits(source, bits)
            for name, bits in optima.items()
        ],
    }


def _read_levels(paths: list[Path]) -> Any:
    """The levels of generated clips, `[clips, steps]`."""
    import numpy as np

    from ada.audio import mu_law_encode, read_audio
    from tools.motifs.source import ids_to_levels

    audio = np.stack([read_audio(str(path), SAMPLE_RATE) for path in paths])
    return ids_to_levels(mu_law_encode(audio))


def _slug(name: str) -> str:
    return name.replace(" ", "_").lower()


if __name__ == "__main__":
    commands.run(main)
