"""`python -m seprank` is the `seprank` command."""

from .cli import main

main()
