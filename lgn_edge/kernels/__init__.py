"""The kernels, written once in TIR and compiled by TVM for every machine."""
