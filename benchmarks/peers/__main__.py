"""Create .venv-peers: `python -m clew.benchmarks.peers` (what `make peers` runs)."""

from __future__ import annotations

import sys

from clew.benchmarks.peers.environment import prepare


def main() -> int:
    """Install every peer and return the exit code: 1 if one could not be installed."""
    failed = prepare(lambda text: sys.stderr.write(text + "\n"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
