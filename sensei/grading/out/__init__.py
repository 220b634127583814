"""What is written: one writer a format, each a pure function of the gradebook."""
