"""`python -m promptops` is the command line."""

from promptops.cli import main

main()
