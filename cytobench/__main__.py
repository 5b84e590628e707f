"""``python -m cytobench``: the command line."""

from cytobench.cli import main

main()
