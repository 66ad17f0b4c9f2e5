"""Compiled kernels for logic layers; the torch functions beside them are the definition."""
