"""What grading writes, a module a format."""
