"""Differences between the formats of two datasets."""

from ada.data.spec import DatasetSpec


def differing_data(before: DatasetSpec, now: DatasetSpec) -> str:
    """Differences for which a model of one dataset cannot read another; sources may differ.

    Returns:
      The differences with both values, what says most first; "" if there are none.
    """
    names = ("kind", "sample_rate", "num_classes", "hop_length")
    pairs = {name: (getattr(before, name), getattr(now, name)) for name in names}
    pairs["checkpoint of the encoder"] = (
        before.upstream.get("digest"),
        now.upstream.get("digest"),
    )
    return "; ".join(
        f"{name} was {one}, is {other}" for name, (one, other) in pairs.items() if one != other
    )
