"""Where labelled points come from: arrays, image folders, embedded digits, manifolds of known dimension."""
