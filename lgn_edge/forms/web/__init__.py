"""How a page runs a network: in rows of samples on the processor, or launched on its GPU."""
