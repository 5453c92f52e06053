"""Evaluation: likelihood, what codes are worth, reconstructions, report pages."""

from ada.evaluation.likelihood import SplitScorer

__all__ = ["SplitScorer"]
