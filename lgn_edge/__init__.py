"""lgn-edge: logic gate networks from training to devices, bit for bit."""

from lgn_edge._version import __version__

__all__ = ["__version__"]
