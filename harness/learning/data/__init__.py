"""Splits, views and episodes, on the device where the model is."""
