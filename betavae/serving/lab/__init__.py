"""The training lab: visitors' own runs, each in a process of its own, a few at a time."""
