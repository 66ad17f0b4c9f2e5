"""Run by an aarch64 Python that has numpy and ONNX Runtime, and nothing of this package: `run.py LIBRARY FOLDER`.

Each `NAME.onnx` of the folder is run on the inputs of `NAME.npz`; the first output that is not what is wanted ends it.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import numpy as np
import onnxruntime


def main() -> None:
    library, folder = sys.argv[1:]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.register_custom_ops_library(library)
    calls = 0
    for model in sorted(Path(folder).glob("*.onnx")):
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        arrays = np.load(model.with_suffix(".npz"))
        for batch in sorted({name.split(":")[0] for name in arrays}):
            (name,) = [value.name for value in session.get_inputs()]
            outputs = [value.name for value in session.get_outputs()]
            for output, got in zip(outputs, session.run(outputs, {name: arrays[f"{batch}:in"]}), strict=True):
                want = arrays[f"{batch}:{output}"]
                got = got[: len(want)]
                if got.dtype != want.dtype or got.shape != want.shape or got.tobytes() != want.tobytes():
                    sys.exit(f"{model.name}, {batch} samples: {output} is {got}, and must be {want}")
            calls += 1
    print(platform.machine(), calls)


if __name__ == "__main__":
    main()
