"""`python -m quorum` is the `quorum` program."""

from quorum.cli import main

if __name__ == "__main__":
    main()
