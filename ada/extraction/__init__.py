"""Turns a dataset into the codes of a trained autoencoder."""
