"""Other projects' compiled networks, each in a process of its own in the environment that `make peers` makes."""
