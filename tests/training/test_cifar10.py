from __future__ import annotations

import hashlib
import lzma
import os
from pathlib import Path

import numpy as np
import pytest

from lgn_edge.errors import InputError
from lgn_edge.training import cifar10, load_dataset
from tests.thinning import exhaustive

COUNT = 1000  # images of a file; a small one, so that tests are quick


def packed(images: np.ndarray) -> bytes:
    """The file that `cifar10.unpacked` reads; images are uint8 [n, 3, 32, 32]."""
    red, green, blue = images.astype(np.int64).transpose(1, 0, 2, 3)
    residuals = []
    for plane in (green, red - green, blue - green):
        edged = np.pad(plane, ((0, 0), (1, 0), (1, 0)))
        left, above, between = edged[:, 1:, :-1], edged[:, :-1, 1:], edged[:, :-1, :-1]
        low, high, third = np.minimum(left, above), np.maximum(left, above), left + above - between
        residuals.append(plane - np.maximum(low, np.minimum(high, third)))  # the median of the three
    return lzma.compress((np.stack(residuals, axis=1) % 256).astype(np.uint8).tobytes(), preset=0)


def records(seed: int) -> np.ndarray:
    """Labels and images, uint8 [COUNT, 3073]; smooth ones, wild ones, black and white."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 10, (COUNT, 1))
    images = generator.integers(0, 256, (COUNT, 3072))
    images[1::2] = 100 + images[1::2] // 32
    images[0], images[2] = 0, 255
    return np.concatenate([labels, images], axis=1).astype(np.uint8)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Records of each file, by name; their digests are the published ones."""
    made = {name: records(i) for i, name in enumerate(cifar10._SHA256)}
    digests = {name: hashlib.sha256(batch.tobytes()).hexdigest() for name, batch in made.items()}
    monkeypatch.setattr(cifar10, "_SHA256", digests)
    monkeypatch.setattr(cifar10, "_BATCH", COUNT)
    monkeypatch.setattr(cifar10, "TRAINED", 4 * COUNT)
    return made


def write_packed(folder: Path, batches: dict[str, np.ndarray]) -> None:
    for name, batch in batches.items():
        test = name == "test_batch.bin"
        file = "test_first1000.medxz" if test else name.replace(".bin", ".medxz")
        (folder / file).write_bytes(packed(batch[:, 1:].reshape(-1, 3, 32, 32)))
    training = [batch[:, 0] for name, batch in batches.items() if name != "test_batch.bin"]
    (folder / "train_labels.u8").write_bytes(np.concatenate(training).tobytes())
    (folder / "test_labels.u8").write_bytes(batches["test_batch.bin"][:, 0].tobytes())


def write_plain(folder: Path, batches: dict[str, np.ndarray]) -> None:
    for name, batch in batches.items():
        (folder / name).write_bytes(batch.tobytes())


@pytest.mark.parametrize("write", [write_packed, write_plain])
def test_reads_both_forms(write, tmp_path: Path, batches: dict[str, np.ndarray]) -> None:
    folder = tmp_path / "cifar10"
    folder.mkdir()
    write(folder, batches)
    data = load_dataset("cifar10", tmp_path)
    everything = np.concatenate([batches[f"data_batch_{i}.bin"] for i in range(1, 6)])
    np.testing.assert_array_equal(np.concatenate([data.train_x, data.test_x]), everything[:, 1:])
    np.testing.assert_array_equal(np.concatenate([data.train_y, data.test_y]), everything[:, 0])
    assert len(data.train_y) == 4 * COUNT
    assert data.image == (32, 32)
    x, y = cifar10.load_official_test(folder)
    np.testing.assert_array_equal(np.concatenate([y[:, None], x], axis=1), batches["test_batch.bin"])


def test_of_a_whole_test_file_the_first_images_are_read(tmp_path: Path, batches: dict[str, np.ndarray]) -> None:
    whole = np.concatenate([batches["test_batch.bin"], records(9)])
    (tmp_path / "test_batch.bin").write_bytes(whole.tobytes())
    x, _ = cifar10.load_official_test(tmp_path)
    np.testing.assert_array_equal(x, whole[:COUNT, 1:])


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_dataset("cifar10", tmp_path)
    for part in ("data_batch_1.bin not found", str(tmp_path / "cifar10"), "cifar-10-binary.tar.gz", "LGN_EDGE_DATA"):
        assert part in str(caught.value)


@exhaustive
def test_damaged_files_are_named(tmp_path: Path, batches: dict[str, np.ndarray]) -> None:
    write_packed(tmp_path, batches)
    first = tmp_path / "data_batch_1.medxz"
    whole = first.read_bytes()
    first.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"data_batch_1.medxz is damaged .*; get it again"):
        cifar10.load_training(tmp_path)
    first.write_bytes(lzma.compress(b"something else"))
    with pytest.raises(InputError, match=r"data_batch_1.medxz is damaged .*; get it again"):
        cifar10.load_training(tmp_path)
    first.write_bytes((tmp_path / "data_batch_2.medxz").read_bytes())
    with pytest.raises(InputError, match=r"data_batch_1.medxz is damaged or another file \(the SHA-256"):
        cifar10.load_training(tmp_path)
    first.write_bytes(whole)
    labels = tmp_path / "train_labels.u8"
    labels.write_bytes(labels.read_bytes()[: COUNT - 7])
    with pytest.raises(InputError, match=r"train_labels.u8 has no labels for 7 of data_batch_1.medxz's images"):
        cifar10.load_training(tmp_path)
    labels.unlink()
    with pytest.raises(InputError, match=r"cannot read .*train_labels.u8: no such file"):
        cifar10.load_training(tmp_path)
    (tmp_path / "data_batch_1.bin").write_bytes(b"half a file")
    with pytest.raises(InputError, match=r"data_batch_1.bin is damaged or another file"):
        cifar10.load_training(tmp_path)


@pytest.mark.skipif(
    not (Path(os.environ.get("LGN_EDGE_DATA", "nowhere")) / "cifar10").exists(), reason="LGN_EDGE_DATA has no cifar10"
)
def test_the_published_images() -> None:
    x, y = cifar10.load_official_test(Path(os.environ["LGN_EDGE_DATA"]) / "cifar10")
    assert x.shape == (1000, 3072)
    assert [cifar10.NAMES[label] for label in y[:4]] == ["cat", "ship", "ship", "airplane"]
