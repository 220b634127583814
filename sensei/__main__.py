"""``python -m sensei``, for where the command ``sensei`` is not on the path."""

import sys

from sensei.cli import main

if __name__ == "__main__":
    sys.exit(main())
