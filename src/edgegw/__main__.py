"""`python -m edgegw` is the edgegw command."""

import sys

from edgegw.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
