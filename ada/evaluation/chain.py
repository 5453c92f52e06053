"""The numbers of a chain of runs: what each level costs, and what its codes are worth."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ada.data import DatasetSpec, unshifted
from ada.evaluation.codes import code_entropies, rolled_codes_cost
from ada.evaluation.likelihood import SplitScorer
from ada.extraction.codes import extract_codes
from ada.runs.chain import Chain
from ada.runs.run import Run
from ada.utils import log


def evaluate_run(
    run: Run, split: str = "validation", checkpoint: str = "best", data_dir: str | None = None
) -> dict[str, Any]:
    """Scores one run on a split of its own dataset, or of another one of the same kind.

    Of codes at several offsets, which only a train split has, those at offset 0 are scored.

    Returns:
      "run_dir" and "digest" (of its checkpoint), "split", "kind", "conditional" (whether bits are
      *reconstruction* bits, given codes), "bits_per_step", "bits_per_sample" (of the audio at the
      bottom), "bits_per_sec", "audio" (a digest of the files of the split, the same for codes and
      what they encode), "files" ("file", "steps" and "bits_per_step" of each); of a model of codes
      also what they cost without a network (`code_entropies`); of an autoencoder with codes also
      "num_codes", "hop_length", "perplexity", "used_codes", "zero_queries" (share of all-zero
      queries, of an argmax quantiser), "usage" and the cost of rolled codes.
    """
    model = run.load_model(checkpoint)
    dataset = unshifted(run.open_dataset(data_dir))
    to_ids = run.info.to_ids()
    scores = SplitScorer(model, dataset, to_ids, split, exact_ends=True)(progress=True)
    per_sample = scores["bits"] / run.info.hop_length
    result = {
        "run_dir": run.directory,
        "digest": run.identity(checkpoint)["digest"],
        "split": split,
        "audio": audio_digest(dataset.spec, split),
        "kind": run.info.kind,
        "conditional": model.quantizer is not None,
        "bits_per_step": scores["bits"],
        "bits_per_sample": per_sample,
        "bits_per_sec": per_sample * run.info.sample_rate,
        "files": [
            {"file": source.name, "steps": source.num_steps, "bits_per_step": float(bits)}
            for source, bits in zip(dataset.sources(split), scores["source_bits"], strict=True)
        ],
    }
    if run.info.kind == "codes" and split != "train":
        result |= code_entropies(dataset, split)
    if model.num_codes:
        hop = run.info.hop_length * model.hop_length
        result |= {
            "num_codes": model.num_codes,
            "hop_length": hop,
            "perplexity": scores["perplexity"],
            "used_codes": scores["used_codes"],
            "zero_queries": scores.get("zero_queries"),
            "usage": [float(share) for share in scores["usage"]],
        }
        result |= rolled_codes_cost(model, dataset, to_ids, split)
    return result


def encode_for(chain: Chain, data_dir: str, codes_dir: Path) -> list[str]:
    """Datasets of other audio for every run of a chain: encoded by those below, bottom up.

    Args:
      chain: one run or more.
      data_dir: dataset for the last run.
      codes_dir: where codes go; those that are there already and still fit are used.

    Returns:
      Dataset directories, top first.
    """
    found = [data_dir]
    for lower, checkpoint in reversed(list(zip(*chain, strict=True))[1:]):
        codes = str(codes_dir / f"{len(found)}_{Path(lower.directory).name}")
        extract_codes(lower.directory, codes, checkpoint, overwrite=True, data_dir=found[0])
        found.insert(0, codes)
    return found


def evaluate_chain(
    chain: Chain, split: str = "validation", data_dirs: Sequence[str] | None = None
) -> dict[str, Any]:
    """Scores every run of a chain, top first, and adds up what a sample costs in all.

    Args:
      chain: one run or more.
      split: of each run's dataset.
      data_dirs: other datasets than the runs' own, as `encode_for` gives them.

    Returns:
      "levels", as `evaluate_run` gives them, bits a sample and a second of the audio that there is
      (the last code of a file may stand for less than a hop); and "total_bits", an upper bound on
      -log2 p(x) a sample (comparable with a WaveNet without codes, as reconstruction bits are
      not), if the chain reaches from a prior down to audio and all levels were scored on the same
      files.
    """
    levels = [
        evaluate_run(run, split, checkpoint, data_dir)
        for run, checkpoint, data_dir in zip(
            *chain, data_dirs or [None] * len(chain.runs), strict=True
        )
    ]
    result: dict[str, Any] = {"split": split, "levels": levels}
    if levels[-1]["kind"] != "audio":
        return result
    if len({level["audio"] for level in levels}) > 1:
        log.warning(
            f"no total: the {split} splits of the levels are of different audio. Extract codes of "
            "the same dataset for all of them."
        )
        return result
    steps = [sum(file["steps"] for file in level["files"]) for level in levels]
    rate = chain.runs[-1].info.sample_rate
    for level, count in zip(levels, steps, strict=True):
        level["bits_per_sample"] = level["bits_per_step"] * count / steps[-1]
        level["bits_per_sec"] = level["bits_per_sample"] * rate
    if not levels[0]["conditional"]:
        result["total_bits"] = sum(level["bits_per_sample"] for level in levels)
    return result


def audio_digest(spec: DatasetSpec, split: str) -> str:
    """Names the files, or their stretches, of a split, or of what its codes encode.

    At however many offsets they are encoded, it is the same audio.
    """
    sources = [source for source in spec.splits[split].sources if not source.offset]
    sources = sorted((source.name, source.sha256 or "") for source in sources)
    return hashlib.sha256(repr(sources).encode()).hexdigest()[:16]


def table(result: dict[str, Any]) -> str:
    """The numbers of `evaluate_chain` as lines of text."""
    lines = []
    for level in result["levels"]:
        what = "reconstruction, given codes" if level["conditional"] else "likelihood"
        lines.append(
            f"{level['run_dir']} ({level['kind']}, {what}): {level['bits_per_step']:.3f} bits a "
            f"step, {level['bits_per_sample']:.4f} a sample, {level['bits_per_sec']:.0f} a second"
        )
        if "bigram_bits" in level:
            lines.append(
                f"  counted instead, on the train split: {level['unigram_bits']:.3f} bits a code, "
                f"{level['bigram_bits']:.3f} given the code before ({level['uniform_bits']:.3f} "
                "if all were equally likely)"
            )
        if "num_codes" in level:
            cost = level["rolled_codes_cost_bits"]
            message = "" if cost is None else f"; another clip's codes cost {cost:.3f} bits a step"
            lines.append(
                f"  codes: perplexity {level['perplexity']:.1f}, {level['used_codes']} of "
                f"{level['num_codes']} used{message}"
            )
    if "total_bits" in result:
        lines.append(
            f"total: {result['total_bits']:.4f} bits a sample, an upper bound on -log2 p(x)"
        )
    return "\n".join(lines)
