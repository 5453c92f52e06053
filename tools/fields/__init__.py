"""What a receptive field costs in layers and training memory; see `tools.receptive_field`."""
