"""Random keys, races and an hour of real hosts: what only volume finds."""
