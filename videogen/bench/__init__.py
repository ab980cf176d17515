"""Measuring: figures of quality with their ceilings and baselines beside them."""
