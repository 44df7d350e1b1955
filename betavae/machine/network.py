"""Whether the Hugging Face Hub can be reached, which its own library takes half a minute to say."""

from __future__ import annotations

import socket
import threading
from urllib.parse import urlsplit
from urllib.request import getproxies

from huggingface_hub import constants

UNREACHABLE = "the Hub cannot be reached; check the network"
PATIENCE = 3.0  # seconds, for the name and the connection together


def hub_is_reachable() -> bool:
    """One connection, and nothing is sent. True where a proxy stands between: it would know."""
    if constants.HF_HUB_OFFLINE:
        return False
    address = urlsplit(constants.ENDPOINT)
    if getproxies():
        return True
    port = address.port or (80 if address.scheme == "http" else 443)
    connected = threading.Event()

    def connect() -> None:
        try:
            socket.create_connection((address.hostname, port), PATIENCE).close()
        except OSError:
            return
        connected.set()

    # In a thread: the look-up of a name heeds no time-out, and takes 20 s where no server answers.
    attempt = threading.Thread(target=connect, daemon=True)
    attempt.start()
    attempt.join(PATIENCE)
    return connected.is_set()
