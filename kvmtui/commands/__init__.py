"""Everything a person can do, as rows of `Command`."""
