"""The app: `python app.py`, on a laptop or a Hugging Face Space. No network is needed to start."""

from __future__ import annotations

import os

# The app talks to nobody: set before Gradio is imported.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import torch

from betavae.ui import layout
from betavae.ui.studio import Studio

# A decode is a millisecond of one core; torch's own threads would only fight the server's.
torch.set_num_threads(1)
demo = layout.build(Studio())

if __name__ == "__main__":
    demo.launch(**layout.LAUNCH)
