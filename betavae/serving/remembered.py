"""What many ask is computed once: the page opens with the same pictures for everyone."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

KEPT = 16  # answers of some 100 kB


class Remembered:
    """The last KEPT answers to different questions, each one JSON value."""

    def __init__(self) -> None:
        self._answers: OrderedDict[bytes, Any] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, question: Any, answer: Callable[[], Any]) -> Any:
        """What was answered before, or else `answer()`; what that raises is not kept."""
        text = json.dumps(question, sort_keys=True)
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        found = answer()
        with self._lock:
            self._answers[key] = found
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
        return found
