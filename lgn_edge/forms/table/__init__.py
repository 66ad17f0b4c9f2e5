"""One sample at a time, from a tape that small loops read from front to back."""
