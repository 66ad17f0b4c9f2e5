"""One sample at a time, as straight-line code whose registers are allocated here."""
