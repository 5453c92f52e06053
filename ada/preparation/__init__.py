"""Writes datasets: finds audio files, decodes, splits and packs them into TFRecord shards."""
