"""`python -m clew`: the command line."""

from clew.cli import main

main()
