"""A notebook that walks through the argument of the paper; see `tools.tour.notebook`."""
