"""Rows of samples: every gate is one operation of three rows, in an order that keeps them in the cache."""
