"""The loop, its configuration, checkpoints, precision, processes, growth and monitor."""
