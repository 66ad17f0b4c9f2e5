"""Image layers that stay what they are: kernels as data, and where their signals lie."""
