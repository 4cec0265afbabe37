"""`python -m vscg`."""
import sys

from vscg.cli import main

sys.exit(main())
