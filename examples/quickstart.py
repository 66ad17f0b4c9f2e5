"""Handwritten digits from training to firmware for an Arm Cortex-M4, every form verified bit for bit."""

from pathlib import Path

import lgn_edge
from lgn_edge.training import load_dataset, train


def main(folder: Path) -> None:
    trained = train("digits", output=folder / "run")
    network = lgn_edge.export(trained.model, folder / "digits.onnx")

    firmware = lgn_edge.build(network, "arm", folder / "arm")
    library = lgn_edge.build(network, "native", folder / "native")

    digits = load_dataset("digits")
    classes = library.predict(digits.test_x).classes
    print(f"accuracy of the compiled network: {(classes == digits.test_y).mean():.2%}")
    print(f"flash on the Cortex-M4: {firmware.report['measured']['flash_bytes']:,} bytes")

    report = lgn_edge.verify(
        folder / "digits.onnx",
        checkpoint=trained.checkpoint,
        artifacts=[library.folder, firmware.folder],
    )
    print(report.summary())


if __name__ == "__main__":
    main(Path("build/quickstart"))
