"""Splits, modalities and batches, on the device of the model."""
