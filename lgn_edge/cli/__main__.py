"""`python -m lgn_edge.cli`."""

from lgn_edge.cli import main

main()
