"""Many runs, measured alike: a grid of seeds and settings, their scores, tables and plots."""
