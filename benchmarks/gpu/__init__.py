"""The steps of `on_gpu.py`, each a benchmark of its own."""
