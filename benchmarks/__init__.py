"""Measures what the program costs and how soon it answers: `make bench`, or `python -m benchmarks NAME...`."""
