"""Live components: the .py, .js and .css of each side by side."""
