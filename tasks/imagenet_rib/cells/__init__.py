"""What each kind of cell does, a file each: read inputs, call the pure functions, leave outputs."""
