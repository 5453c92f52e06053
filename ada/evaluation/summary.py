"""The numbers of a system that compare with those of others, in one row."""

from typing import Any

from ada.evaluation.note_report import KEPT, LIKE_REAL, summary_columns

FAD_SUFFIXES = ("", "_error", "_corrected", "_corrected_error")
# Which way is better, by the names of the numbers in `evaluation.json`, where it stands as well.
BETTER = {
    **dict.fromkeys(
        [
            "total_bits",
            "bits_per_step",
            "bits_per_sample",
            "bits_per_sec",
            "reconstruction_bits",
            "code_bits",
            "spectral_convergence",
            "log_magnitude",
            "log_mel_db",
            "fad",
            "near_copies",
            "memorisation",
        ],
        "lower",
    ),
    **dict.fromkeys(
        [
            "perplexity",
            "used_codes",
            "rolled_codes_cost_bits",
            "structure",
            "pitched",
            "changing",
            "repetition",
            "real_time_factor",
        ],
        "higher",
    ),
    **dict.fromkeys(KEPT, "higher"),
    **dict.fromkeys(LIKE_REAL, "as near to real audio as possible"),
}


def summary(result: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a system that compare with those of others, None where it has none.

    Of codes by level, from the bottom up, with commas between; of a reconstruction, through all
    levels.
    """
    levels = result["levels"]
    bottom, coders = levels[-1], [level for level in reversed(levels) if "num_codes" in level]
    upper = [level["bits_per_sample"] for level in levels[:-1]]
    reconstruction = (result.get("reconstruction") or [{}])[-1]
    made = result.get("generated") or {}
    memorisation = made.get("memorisation") or {}
    row = {
        "system": result["name"],
        "total_bits": result.get("total_bits"),
        "reconstruction_bits": bottom["bits_per_sample"] if bottom["conditional"] else None,
        "code_bits_per_sample": sum(upper) if upper and coders else None,
        "bits_per_sec": sum(level["bits_per_sec"] for level in levels)
        if "total_bits" in result
        else None,
        "perplexity": _joined(coders, "perplexity", ".1f"),
        "used_codes": _joined(coders, "used_codes", "d"),
        "rolled_codes_cost_bits": _joined(coders, "rolled_codes_cost_bits", ".3f"),
        "code_bits": _joined(_of_codes(levels), "bits_per_step", ".3f"),
        "code_bigram_bits": _joined(_of_codes(levels), "bigram_bits", ".3f"),
    }
    for name in ("spectral_convergence", "log_magnitude", "log_mel_db"):
        row[name] = reconstruction.get(name)
    row["clips"] = made.get("clips")
    for name in ("fad", "fad_real"):
        row |= {f"{name}{of}": made.get(f"{name}{of}") for of in FAD_SUFFIXES}
    for name in ("structure", "pitched", "changing", "repetition"):
        for suffix in ("", "_real"):
            value = (made.get(f"structure{suffix}") or {}).get(name) or {}
            row |= {f"{name}{suffix}": value.get("mean")}
            row |= {f"{name}{suffix}_error": value.get("error")}
    for name in ("mean", "max", "real_mean", "real_max"):
        row[f"near_copies_{name}"] = (made.get("near_copies") or {}).get(name)
    for name in ("mean_secs", "real_mean_secs"):
        row[f"memorised_{name}"] = memorisation.get(name)
    row["real_time_factor"] = made.get("real_time_factor")
    return row | summary_columns(result)


def shown(value: float | str | None, form: str = "") -> str:
    """A value of `summary` as text; a dash if there is none, and no minus before a zero."""
    if value is None:
        return "–"
    text = format(value, form)
    return text.lstrip("-") if not isinstance(value, str) and float(text) == 0.0 else text


def _of_codes(levels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [level for level in reversed(levels) if level["kind"] == "codes"]


def _joined(levels: list[dict[str, Any]], name: str, form: str) -> str | None:
    values = [level.get(name) for level in levels]
    if all(value is None for value in values):
        return None
    return ", ".join(shown(value, form) for value in values)
