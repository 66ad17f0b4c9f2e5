"""Parts of cpu_vs_peers.py that need C: the stages of an artifact one by one, and the limit of the machine."""
