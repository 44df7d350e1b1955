"""The app: `python app.py`, on a laptop or a Hugging Face Space. No network is needed to start."""

from __future__ import annotations

import argparse
import os
import signal

# The app talks to nobody: set before Gradio is imported.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from betavae.machine.allocator import share_two_heaps
from betavae.machine.folders import uploads
from betavae.machine.printing import never_fail

never_fail()
share_two_heaps()  # before there are threads
os.environ["GRADIO_TEMP_DIR"] = os.environ.get("GRADIO_TEMP_DIR") or uploads()

import cv2
import torch

from betavae.serving.devices import DeviceError
from betavae.serving.lab.lab import Lab
from betavae.serving.studio import Studio
from betavae.ui import layout

# A decode is a millisecond of one core, a photo some thirty; threads of torch's and OpenCV's own
# would only fight the server's: a photo then takes twice the processor time.
torch.set_num_threads(1)
cv2.setNumThreads(1)
parser = argparse.ArgumentParser(description="Serve the app on http://127.0.0.1:7860.")
parser.add_argument(
    "--bundle",
    action="append",
    default=[],
    metavar="FOLDER or USER/REPO",
    help="one more bundle, from disk or from the Hugging Face Hub; may be given several times",
)
options = parser.parse_args(None if __name__ == "__main__" else [])
try:
    lab = Lab()
    studio = Studio(options.bundle)
except (DeviceError, ValueError) as error:
    raise SystemExit(str(error)) from error
demo = layout.build(studio, lab)

if __name__ == "__main__":
    # A container is told to stop by SIGTERM: it ends as by Ctrl-C, and leaves no file behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    demo.launch(**layout.LAUNCH)
