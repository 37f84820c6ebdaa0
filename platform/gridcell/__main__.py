"""``python -m gridcell`` is the command."""

from gridcell.cli import main

main()
