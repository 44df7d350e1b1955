"""A training step as a CUDA graph: its few hundred small kernels take longer to launch than to run.

What a step reads from the host (which pictures, the learning rate, β) lies in tensors that stay
where they are, so one recording serves every step. What Python decides at each step, the capacity
objective's target say, cannot be recorded; such a run launches its kernels one by one, as before.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from betavae.errors import reason

SETTLING = 3  # steps that libraries need to choose their kernels and allocate
Inputs = tuple[Tensor | None, ...]


class Recorder:
    """Calls `step(*inputs)`, which returns a tensor; from the fourth call on as a graph.

    An input may be None; calls that lack others are of another kind, with a graph of its own. The
    answer is a new tensor each time. Where the driver or PyTorch cannot record the step, it goes on
    being called, after a warning.
    """

    def __init__(self, step: Callable[..., Tensor], device: torch.device):
        self.step, self.device = step, device
        self._stream = torch.cuda.Stream(device)  # gradients are added up on the stream of theirs
        self._calls: dict[tuple[bool, ...], int] = {}
        self._recorded: dict[tuple[bool, ...], tuple[Inputs, torch.cuda.CUDAGraph, Tensor]] = {}
        self._able = True

    def __call__(self, *inputs: Tensor | None) -> Tensor:
        now = torch.cuda.current_stream(self.device)
        self._stream.wait_stream(now)
        with torch.cuda.stream(self._stream):
            answer = self._call(inputs)
        now.wait_stream(self._stream)
        return answer

    def _call(self, inputs: Inputs) -> Tensor:
        kind = tuple(tensor is None for tensor in inputs)
        if kind not in self._recorded:
            self._calls[kind] = self._calls.get(kind, 0) + 1
            if self._calls[kind] <= SETTLING or not self._record(kind, inputs):
                return self.step(*inputs)
        held, graph, answer = self._recorded[kind]
        for own, given in zip(held, inputs, strict=True):
            if own is not None:
                own.copy_(given, non_blocking=True)
        graph.replay()
        return answer.clone()

    def _record(self, kind: tuple[bool, ...], inputs: Inputs) -> bool:
        if not self._able:
            return False
        held = tuple(None if tensor is None else tensor.clone() for tensor in inputs)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self._stream):
                answer = self.step(*held)
        except RuntimeError as error:
            self._able = False
            warnings.warn(
                f"Steps are not recorded as a CUDA graph: {reason(error)}. Training goes on, more "
                "slowly.",
                stacklevel=4,
            )
            return False
        self._recorded[kind] = held, graph, answer
        return True
