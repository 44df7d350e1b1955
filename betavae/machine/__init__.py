"""What the computer is: its cores, its memory, the version of this code."""
