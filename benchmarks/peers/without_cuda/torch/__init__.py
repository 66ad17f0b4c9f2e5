"""Stands before torch on the path while difflogic 0.1.0 is installed, so that its CUDA extension is left out."""
