"""Flags that take one value for all levels, or one a level."""

from ada.errors import UsageError


def per_level(name: str, values: list[str], kind: type, levels: int) -> list:
    """One value a level from one or as many; raises UsageError otherwise."""
    try:
        numbers = [kind(value) for value in values]
    except ValueError as error:
        raise UsageError(f"--{name}: {error}.") from error
    if len(numbers) not in (1, levels):
        raise UsageError(f"--{name}: give one value or {levels}, got {len(numbers)}.")
    if not all(0 <= n < float("inf") for n in numbers) or (
        name == "top_p" and not all(0 < n <= 1 for n in numbers)
    ):
        raise UsageError(f"--{name}: {','.join(values)} is out of range.")
    return numbers * levels if len(numbers) == 1 else numbers
