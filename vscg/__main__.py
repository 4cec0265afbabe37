"""`python -m vscg`."""
import sys

try:
    from vscg.cli import main

    status = main()
except KeyboardInterrupt:                     # while it imports
    status = 130
sys.exit(status)
