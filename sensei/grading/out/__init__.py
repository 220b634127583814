"""What is written at the end: a writer for each format."""
