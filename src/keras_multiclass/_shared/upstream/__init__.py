"""Private names of other packages, each with the reason why no public one will do."""
