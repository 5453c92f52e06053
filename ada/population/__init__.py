"""Population-based training of anything with a score. No TensorFlow here; `engine` needs Ray."""

from ada.population.history import Comparison, History, Standing, quantiles

__all__ = ["Comparison", "History", "Standing", "quantiles"]
