"""What kernels of GPUs are written with: TIR over a grid of blocks of threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tvm import tirx
from tvm.ir import TupleType
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script.builder import ir as T

from lgn_edge.kernels.tir import Buffer, Expr, Kernel, Parameter, constant, pointer_or_value


@dataclass(frozen=True)
class Place:
    """Where a thread is.

    Attributes:
        block, row: of the grid, in x and in y.
        thread: of the block, 0..threads - 1.
        threads: of a block, a power of two.
    """

    block: Expr
    row: Expr
    thread: Expr
    threads: int

    def share(self, stop: Expr | int, emit: Callable[[list[Expr]], None], together: int = 1) -> None:
        """Emit a loop over 0..stop - 1 of which each thread of the block takes every `threads`-th.

        Args:
            stop: how many there are.
            emit: emits the work on some of them.
            together: that a thread takes at once while there are enough, so that it waits once for all their loads; a
                power of two.
        """
        done: Expr | int = 0
        if together > 1:
            full = T.Bind(stop >> ((self.threads * together).bit_length() - 1))
            with T.serial(0, full) as turn:
                first = T.Bind(turn * (self.threads * together) + self.thread)
                emit([first + i * self.threads for i in range(together)])
            done = full * together
        with T.serial(done, stop - self.thread + (self.threads - 1) >> (self.threads.bit_length() - 1)) as turn:
            emit([T.Bind(turn * self.threads + self.thread)])


def gpu_kernel(
    symbol: str, parameters: Sequence[Parameter], threads: int, body: Callable[..., None], *, rows: bool = False
) -> Kernel:
    """Make a kernel of a GPU.

    Args:
        symbol: its name.
        parameters: pointers first, then int32 numbers. How many blocks there are in x and y is up to the launch.
        threads: of a block, a power of two.
        body: called once to emit the statements, with a `Place`, then a value or buffer a parameter.
        rows: whether the grid has rows of blocks.
    """
    with IRBuilder() as builder, T.prim_func():
        T.func_name(symbol)
        T.func_ret(TupleType([]))
        arguments = [T.arg(p.name, pointer_or_value(p, "global")) for p in parameters]
        values = [
            value if p.elements is None else T.decl_buffer((p.elements,), p.dtype, data=value)
            for p, value in zip(parameters, arguments, strict=True)
        ]
        axes = ["blockIdx.x", *(["blockIdx.y"] if rows else []), "threadIdx.x"]
        frames = [T.launch_thread(axis, constant(threads if axis == "threadIdx.x" else _ANY, "int32")) for axis in axes]
        bound = [frame.__enter__() for frame in frames]
        place = Place(bound[0], bound[1] if rows else constant(0, "int32"), bound[-1], threads)
        body(place, *values)
        for frame in reversed(frames):
            frame.__exit__(None, None, None)
    function = builder.get().with_attr(
        {
            "global_symbol": symbol,
            "tirx.noalias": True,
            "calling_conv": _DEVICE_KERNEL,
            "tirx.is_global_func": True,
            "tirx.kernel_launch_params": axes,
        }
    )
    return Kernel(symbol, function, ())


def shared(dtype: str, elements: int) -> Buffer:
    """An array that the threads of a block share."""
    return T.alloc_buffer((elements,), dtype, scope="shared")


def barrier() -> None:
    """Emit: what threads of the block wrote before is seen by all of them behind."""
    T.evaluate(tirx.call_intrin("void", "tirx.tvm_storage_sync", "shared"))


_ANY = 1 << 20  # blocks: no kernel depends on it
_DEVICE_KERNEL = 2  # tvm.ir.CallingConv
