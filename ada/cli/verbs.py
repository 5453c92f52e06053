"""`ada VERB ...`, and `python -m ada VERB ...`: each verb is a command of its own."""

import difflib
import runpy
import sys

# Verb, the module that does it, and what it is for.
VERBS = {
    "play": ("ada.play", "open a page on this machine to make music with"),
    "tune": ("ada.tune", "fine-tune a pretrained system on a folder of your music"),
    "sample": ("ada.sample", "make new clips"),
    "prepare": ("ada.prepare_audio", "make a data set of audio files"),
    "train": ("ada.train", "train a model"),
    "codes": ("ada.extract_codes", "make the codes of a data set, which the next level learns"),
    "pipeline": ("ada.pipeline", "all of it: prepare, train each level, evaluate, sample"),
    "evaluate": ("ada.evaluate", "compare systems: notes, bits, clips side by side"),
    "listen": ("ada.listen", "a listening test that others take in a browser"),
    "describe": ("ada.describe", "what a gin file, a run or a data set holds"),
    "export": ("ada.export", "a SavedModel for TensorFlow Serving"),
    "pbt": ("ada.pbt", "population-based training"),
    "render": ("ada.render_scores", "audio of MIDI and MusicXML files"),
}
EXAMPLES = (
    "ada play",
    "ada tune music --minutes=20",
    "ada sample --pretrained=piano_notes --duration_secs=10",
    "ada prepare --input_audio_filepatterns=music --output_dir=data/mine",
    "ada pipeline --gin_file=gin/systems/hop64_vqvae.gin --gin_file=gin/small.gin \\\n"
    "      --input_audio_filepatterns=music --run_dir=runs/mine",
)


def overview() -> str:
    """The list of verbs, with examples."""
    verbs = "\n".join(f"  {verb:<9} {purpose}" for verb, (_, purpose) in VERBS.items())
    examples = "\n".join(f"  {example}" for example in EXAMPLES)
    return (
        f"ada makes music as raw audio.\n\n{verbs}\n\nFor example:\n{examples}\n\n"
        "ada VERB --help says more. `ada sample` is `python -m ada.sample`, and so on."
    )


def main() -> None:
    """Runs the command that the first argument names."""
    verb, *arguments = sys.argv[1:] or ["help"]
    if verb in ("help", "-h", "--help"):
        print(overview())
        return
    if verb not in VERBS:
        close = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        print(f"Wrong usage: there is no verb {verb!r}.{hint} `ada` lists them.", file=sys.stderr)
        sys.exit(2)
    module = VERBS[verb][0]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
