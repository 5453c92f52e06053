"""Population-based training of anything that has a score. Imports no TensorFlow; `engine` needs Ray."""

from ada.population.history import Comparison, History, Standing, quantiles

__all__ = ["Comparison", "History", "Standing", "quantiles"]
