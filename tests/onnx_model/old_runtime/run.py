"""Run models in the ONNX Runtime of this interpreter: python run.py FOLDER.

FOLDER holds NAME.onnx and NAME.npz, whose arrays are inputs by name; NAME.out.npz gets the outputs.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

for model in sorted(Path(sys.argv[1]).glob("*.onnx")):
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    with np.load(model.with_suffix(".npz")) as inputs:
        outputs = session.run(names, dict(inputs))
    np.savez(model.with_suffix(".out.npz"), **dict(zip(names, outputs, strict=True)))
print(onnxruntime.__version__)
