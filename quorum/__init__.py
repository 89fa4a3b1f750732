"""What a user imports or types.

Rooms: `client/` asks a running service from Python, `cli/` is the command `quorum`, `batch/` reads many files into one
table, `terminal/` shows progress, `experiments/` is what fits and measures at once. `compat.py` is for programs that
are written for another interface.
"""
