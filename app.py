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

LAUNCH = {
    "theme": layout.theme(),
    "css_paths": layout.CSS,
    "run_history": False,  # it would keep uploads and every event in the browser's storage
    "ssr_mode": False,  # no Node needed
    "max_file_size": "20mb",
    "footer_links": ["api", "gradio", "settings"],
    "show_error": True,
}

if __name__ == "__main__":
    demo.launch(**LAUNCH)
