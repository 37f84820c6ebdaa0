"""Problems: what is to be learned, as arrays of inputs and targets, and how they are cut."""
