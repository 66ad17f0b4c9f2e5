"""Handwritten digits from training to firmware for an Arm Cortex-M4, every form verified bit for bit."""

import lgn_edge
from lgn_edge.training import load_dataset, train

trained = train("digits", output="build/quickstart/run")  # real images, 2,000 gates
network = lgn_edge.export(trained.model, "build/quickstart/digits.onnx")

firmware = lgn_edge.build("build/quickstart/digits.onnx", "arm", "build/quickstart/arm")
library = lgn_edge.build("build/quickstart/digits.onnx", "native", "build/quickstart/native")

digits = load_dataset("digits")
prediction = library.predict(digits.test_x)  # uint8[n, 64] -> scores int32[n, 10], classes uint16[n]
print(f"right: {(prediction.classes == digits.test_y).mean():.2%} of {len(digits.test_y)}")
print(f"flash: {firmware.report['measured']['flash_bytes']:,} bytes on a Cortex-M4")

report = lgn_edge.verify(
    "build/quickstart/digits.onnx", checkpoint=trained.checkpoint, artifacts=[library.folder, firmware.folder]
)
print(report.summary())  # 11 equal, 0 different, 0 not run
