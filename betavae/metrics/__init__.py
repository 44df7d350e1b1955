"""From a code function and data to a score with its parts."""
