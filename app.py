"""The app: `python app.py`, on a laptop or a Hugging Face Space. No network is needed to start."""

from __future__ import annotations

import os

# The app talks to nobody: set before Gradio is imported.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from betavae.machine.allocator import share_two_heaps
from betavae.machine.folders import uploads

share_two_heaps()  # before there are threads
os.environ["GRADIO_TEMP_DIR"] = os.environ.get("GRADIO_TEMP_DIR") or uploads()

import cv2
import torch

from betavae.serving.studio import Studio
from betavae.ui import layout

# A decode is a millisecond of one core, a photo some thirty; threads of torch's and OpenCV's own
# would only fight the server's: a photo then takes twice the processor time.
torch.set_num_threads(1)
cv2.setNumThreads(1)
demo = layout.build(Studio())

if __name__ == "__main__":
    demo.launch(**layout.LAUNCH)
