"""A function that a GPU repeats without Python: recorded once as a CUDA graph, then replayed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch

_WARM: Final = 3  # calls before it is recorded: kernels are compiled, lists sorted, and memory is taken


class Replayed:
    """A function without arguments and results that works on tensors which stay where they are.

    Its first calls on a GPU run as they are, and count as any others. Then it is recorded, and a call costs the launch
    of one graph. On a CPU each call runs the function.

    Args:
        function: what is repeated; whatever Python does in it is done once for all later calls.
        device: "cpu" or "cuda".
    """

    def __init__(self, function: Callable[[], None], device: str) -> None:
        self._function, self._device = function, device
        self._warm, self._graph = 0, None if device == "cpu" else torch.cuda.CUDAGraph()
        self._stream: Any = None if device == "cpu" else torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch has none

    def __call__(self) -> None:
        """One call."""
        if self._graph is None:
            self._function()
        elif self._warm < _WARM:
            self._warm += 1
            self._beside()
        else:
            if self._warm == _WARM:
                self._warm += 1
                with torch.cuda.graph(self._graph):
                    self._function()
            self._graph.replay()

    def _beside(self) -> None:
        """A call on a stream of its own, as torch asks of what will be recorded."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            self._function()
        torch.cuda.current_stream().wait_stream(self._stream)
