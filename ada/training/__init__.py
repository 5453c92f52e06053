"""Training: the step, the loop, strategies, schedules, checkpoints and summaries."""

from ada.training.loop import train
from ada.training.settings import Intervals, Optimization, Search, TrainingSettings
from ada.training.trainer import StepResult, Trainer

__all__ = [
    "Intervals",
    "Optimization",
    "Search",
    "StepResult",
    "Trainer",
    "TrainingSettings",
    "train",
]
