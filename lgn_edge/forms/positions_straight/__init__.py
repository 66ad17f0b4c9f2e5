"""Machines that take one sample at a time: positions of images as bits of words, kernels as straight-line code."""
