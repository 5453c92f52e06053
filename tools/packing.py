"""What a pretrained system is made of: runs with averaged weights alone, and a card."""

import dataclasses
from pathlib import Path
from typing import Any


def pack(chain: Any, root: Path) -> list[dict[str, Any]]:
    """Writes a chain's runs with their averaged weights and their sampling values alone; the codes
    of each level name the packed run below.

    Returns:
      Of each level, top first, "name", "parameters", "steps", "minutes" of audio that it learnt
      from, and "milliseconds" of audio that it sees.
    """
    import tensorflow as tf

    from ada.models import PolyakAverage
    from ada.runs import sampling_defaults
    from ada.runs.checkpoint_files import step_of, write
    from ada.runs.run import Run, inference_checkpoint

    upstream: dict[str, Any] = {}
    message = []
    for position in reversed(range(len(chain.runs))):
        run, model = chain.runs[position], chain.load_model(position)
        name = Path(run.directory).name
        nowhere = {"data_dir": "", "data_dir_from_run": "", "init_from": None}
        # The packed checkpoint names its own encoder.
        info = dataclasses.replace(run.info, upstream=upstream, encoder_digest=None, **nowhere)
        spec = dataclasses.replace(run.spec, upstream=upstream, options={}, preparation={})
        packed = Run.create(str(root / name), info, spec, model, _without_paths(run))
        best = root / name / "checkpoints" / "best"
        sampling, stated = sampling_defaults.read(run.directory)
        if stated:
            sampling_defaults.write(packed.directory, sampling)
        step = step_of(chain.runs[position].checkpoint_path(chain.checkpoints[position]))
        checkpoint = inference_checkpoint(model, PolyakAverage(model))
        checkpoint.save_counter.assign_add(1)  # reading it makes it; restoring asks for it
        write(checkpoint, str(best / f"ckpt-{step}"))
        upstream = packed.identity() | {"run_dir": name, "data_dir": ""}
        message.insert(
            0,
            {
                "name": name,
                "parameters": sum(int(tf.size(w)) for w in model.trainable_weights),
                "steps": step,
                "minutes": 60.0 * run.spec.splits["train"].hours,
                "milliseconds": info.milliseconds(model.receptive_field),
            },
        )
    return message


def _without_paths(run: Any) -> str:
    """The operative gin without lines that name places of the machine."""
    lines = run.operative_gin().splitlines(keepends=True)
    return "".join(line for line in lines if "_dir" not in line)


def card(name: str, levels: list[dict[str, Any]], numbers: dict[str, Any], data: str) -> str:
    """The model card, in Markdown."""
    from ada.evaluation.summary import shown

    rows = [
        f"| `{level['name']}` | {level['parameters']:,} | {level['steps']:,} "
        f"| {level['minutes']:.0f} | {level['milliseconds']:.0f} |"
        for level in levels
    ]
    bound = numbers.get("code_bits_per_sample") is not None
    total = "total, bits a sample (" + ("a bound on -log2 p)" if bound else "-log2 p)")
    measured = [
        f"| {label} | {shown(numbers[key], form)} |"
        for label, key, form in (
            (total, "total_bits", ".3f"),
            (
                "reconstruction, bits a sample given the codes (no likelihood)",
                "reconstruction_bits",
                ".3f",
            ),
            ("codes, bits a sample under the levels above", "code_bits_per_sample", ".4f"),
            ("perplexity of the codes, from the bottom up", "perplexity", ""),
            ("used codes", "used_codes", ""),
            (
                "decoding with another clip's codes costs, bits a step",
                "rolled_codes_cost_bits",
                "",
            ),
            ("reconstruction, log-mel distance, dB", "log_mel_db", ".2f"),
            ("Frechet audio distance of generated clips (lower is better)", "fad", ".2f"),
            ("the same of as much real audio", "fad_real", ".2f"),
            ("the distance without bias (lower is better)", "fad_corrected", ".2f"),
            ("the same of as much real audio", "fad_real_corrected", ".2f"),
            ("structure: 0 is noise, 1 pitch without order (higher is better)", "structure", ".2f"),
            ("the same of real audio", "structure_real", ".2f"),
            (
                "longest run of codes shared with the training data, s",
                "memorised_mean_secs",
                ".2f",
            ),
            ("the same of held-out audio, s", "memorised_real_mean_secs", ".2f"),
            ("likeness to the nearest training audio (lower is better)", "near_copies_mean", ".2f"),
            ("the same of held-out audio", "near_copies_real_mean", ".2f"),
            ("generation, times real time (two CPU cores)", "real_time_factor", ".2f"),
        )
        if numbers.get(key) is not None
    ]
    return "\n".join(
        [
            f"# {name}",
            "",
            "A small system of the paper's kind, to hear the machinery work at once and to start "
            "from. Not the paper's size, nor its sound.",
            "",
            f"    python -m ada.sample --pretrained={name} --output_dir=out",
            "",
            "| level, top first | parameters | steps | learnt from, minutes | sees, ms |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            "Measured on the validation split, by which the best checkpoints were chosen too "
            "(`ada.evaluate --output_dir`, whose page says what the numbers mean):",
            "",
            "| | |",
            "| --- | --- |",
            *measured,
            "",
            data.strip(),
            "",
        ]
    )
