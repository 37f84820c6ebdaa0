"""What each kind of cell does, a file each."""
