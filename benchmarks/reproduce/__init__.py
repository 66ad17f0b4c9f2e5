"""The papers' claims, measured here: each script prints one table."""
