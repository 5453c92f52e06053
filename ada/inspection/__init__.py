"""Descriptions of models and estimates of their cost, before any training."""
