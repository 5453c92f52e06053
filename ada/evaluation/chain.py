"""The numbers of a chain of runs: what each level costs, and what its codes are worth."""

import hashlib
from typing import Any

import numpy as np

from ada import log
from ada.chain import Chain
from ada.data import Dataset
from ada.evaluation.codes import code_entropies, rolled_codes_cost
from ada.evaluation.likelihood import SplitScorer
from ada.runs import Run


def evaluate_run(
    run: Run, split: str = "validation", checkpoint: str = "best", data_dir: str | None = None
) -> dict[str, Any]:
    """Scores one run on a split of its own dataset, or of another one of the same kind.

    Returns:
      "kind", "conditional" (whether bits are *reconstruction* bits, given codes), "bits_per_step",
      "bits_per_sample" (of the audio at the bottom), "bits_per_sec", "audio" (a digest of the
      files of the split, the same for codes and what they encode), "files" ("file", "steps" and
      "bits_per_step" of each); of a model of codes also what they cost without a network
      (`code_entropies`); of an autoencoder with codes also "num_codes", "hop_length",
      "perplexity", "used_codes", "zero_queries" (share of all-zero queries, of an argmax
      quantiser), "usage", "code_bits_at_most" (a sample, at that perplexity) and the cost of
      rolled codes.
    """
    model = run.load_model(checkpoint)
    dataset = run.open_dataset(data_dir)
    to_ids = run.info.to_ids()
    scores = SplitScorer(model, dataset, to_ids, split)(progress=True)
    per_sample = scores["bits"] / run.info.hop_length
    result = {
        "run_dir": run.directory,
        "split": split,
        "audio": _audio_digest(dataset, split),
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
    if run.info.kind == "codes":
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
            "code_bits_at_most": float(np.log2(scores["perplexity"])) / hop,
        }
        result |= rolled_codes_cost(model, dataset, to_ids, split)
    return result


def evaluate_chain(
    chain: Chain, split: str = "validation", data_dir: str | None = None
) -> dict[str, Any]:
    """Scores every run of a chain, top first, and adds up what a sample costs in all.

    Args:
      chain: one run or more.
      split: of each run's own dataset.
      data_dir: another dataset for the last run.

    Returns:
      "levels", as `evaluate_run` gives them, and "total_bits", an upper bound on -log2 p(x) a
      sample (comparable with a WaveNet without codes, as reconstruction bits are not), if the
      chain reaches from a prior down to audio and all levels were scored on the same files.
    """
    last = len(chain.runs) - 1
    levels = [
        evaluate_run(run, split, checkpoint, data_dir if number == last else None)
        for number, (run, checkpoint) in enumerate(zip(*chain, strict=True))
    ]
    result: dict[str, Any] = {"split": split, "levels": levels}
    if levels[-1]["kind"] == "audio" and not levels[0]["conditional"]:
        if len({level["audio"] for level in levels}) > 1:
            log.warning(
                f"no total: the {split} splits of the levels are of different audio. Extract codes "
                "of the same dataset for all of them."
            )
            return result
        result["total_bits"] = sum(level["bits_per_sample"] for level in levels)
    return result


def _audio_digest(dataset: Dataset, split: str) -> str:
    """Names the files, or their stretches, of a split, or of what its codes encode."""
    sources = sorted((source.name, source.sha256 or "") for source in dataset.sources(split))
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
                f"{level['bigram_bits']:.3f} given the code before"
            )
        if "num_codes" in level:
            lines.append(
                f"  codes: perplexity {level['perplexity']:.1f}, {level['used_codes']} of "
                f"{level['num_codes']} used; another clip's codes cost "
                f"{level['rolled_codes_cost_bits']:.3f} bits a step; as codes at most "
                f"{level['code_bits_at_most']:.4f} bits a sample"
            )
    if "total_bits" in result:
        lines.append(
            f"total: {result['total_bits']:.4f} bits a sample, an upper bound on -log2 p(x)"
        )
    return "\n".join(lines)
