"""Training by several processes, as torch's launcher starts them: `torchrun --nproc-per-node 2 -m lgn_edge.cli train`.

All processes draw the same random numbers and go through the same batches; each computes its part of every batch, and
the gradients are added. So a run is that of one process, up to the rounding of sums.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed


@dataclass(frozen=True)
class Processes:
    """This process among those of a run.

    Attributes:
        rank: which one it is; process 0 writes the files.
        count: how many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def part(self, samples: Tensor) -> Tensor:
        """What this process computes of a batch."""
        return samples[self.rank :: self.count]

    def add(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors of one dtype by their sums over all processes."""
        if self.count == 1:
            return
        kept = list(tensors)
        total = torch.cat([tensor.flatten() for tensor in kept])
        distributed.all_reduce(total)
        for tensor, part in zip(kept, total.split([tensor.numel() for tensor in kept]), strict=True):  # type: ignore[no-untyped-call]
            tensor.copy_(part.reshape(tensor.shape))

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            distributed.barrier()


@contextmanager
def joined(device: str) -> Iterator[Processes]:
    """The processes that the launcher started, or this one alone."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()
