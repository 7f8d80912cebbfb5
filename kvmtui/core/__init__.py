"""The pure core: what is known and what can be concluded from it, with no I/O and no clock."""
