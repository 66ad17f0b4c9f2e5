"""The launch contract: any number of samples through sequences of launches, as JSON and as C."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lgn_edge.errors import InvariantError
from lgn_edge.forms.gpu.execute import execute
from lgn_edge.forms.gpu.launch import (
    BUFFER,
    CLASSES,
    COUNT,
    NUMBER,
    SAMPLES,
    SCORES,
    TABLE,
    WORDS,
    WORK,
    Argument,
    Buffer,
    Launch,
    Launches,
    Sequence,
)
from tests.forms.gpu.numpy_device import NumpyDevice

FEATURES, OUTPUTS = 3, 2
_BUFFERS = (
    Buffer("samples", SAMPLES, FEATURES, 1),
    Buffer("words", WORDS, 4 * FEATURES, 32),
    Buffer("scores", SCORES, 4 * OUTPUTS, 1),
    Buffer("classes", CLASSES, 4, 1),
    Buffer("added", TABLE, 8),
    Buffer("between", WORK, 4, 1),
)


def _buffers(*indices: int) -> tuple[Argument, ...]:
    return tuple(Argument(BUFFER, index) for index in indices)


def _toy() -> Launches:
    """A sum of each sample into `between`, then two scores out of it; of packed bits, their number."""
    count = Argument(COUNT)
    finish = Launch("finish", (*_buffers(5, 4, 2, 3), count), 64, 64)
    sums = Launch("sum", (*_buffers(0, 5), count, Argument(NUMBER, FEATURES)), 64, 64)
    ones = Launch("ones", (*_buffers(1, 5), count), 32, 32, rows=2, shared=256)
    sequences = (
        Sequence(SAMPLES, 4, (sums, finish)),
        Sequence(SAMPLES, 10, (sums, finish)),
        Sequence(WORDS, 70, (ones, finish)),
    )
    return Launches(_BUFFERS, sequences, {"added": np.array([5, 7], np.uint32)})


def _device() -> NumpyDevice:
    def sums(_: object, samples: np.ndarray, between: np.ndarray, n: int, features: int) -> None:
        between[:n] = samples.view(np.uint8)[: n * features].reshape(n, features).sum(1)

    def ones(_: object, words: np.ndarray, between: np.ndarray, n: int) -> None:
        held = words[: FEATURES * -(-n // 32)].view(np.uint8)
        bits = np.unpackbits(held, bitorder="little").reshape(FEATURES, -1)[:, :n]
        between[:n] = bits.sum(0)

    def finish(
        _: object, between: np.ndarray, added: np.ndarray, scores: np.ndarray, classes: np.ndarray, n: int
    ) -> None:
        scores[: n * OUTPUTS] = (between[:n, None] + added).ravel()
        classes[:n] = between[:n] % OUTPUTS

    return NumpyDevice({"sum": sums, "ones": ones, "finish": finish})


@pytest.mark.parametrize("n", [0, 1, 4, 5, 10, 11, 31])
def test_samples_go_in_pieces_through_the_last_sequence(n: int) -> None:
    samples = np.random.default_rng(n).integers(0, 256, (n, FEATURES), dtype=np.uint8)
    device = _device()
    scores, classes = execute(_toy(), device, samples, n, SAMPLES)
    sums = samples.sum(1, dtype=np.int32)
    np.testing.assert_array_equal(scores, sums[:, None] + [5, 7])
    np.testing.assert_array_equal(classes, sums % OUTPUTS)
    assert len(device.launched) == 2 * -(-n // 10)


@pytest.mark.parametrize("n", [1, 64, 70, 71, 200])
def test_pieces_of_packed_bits_begin_with_a_word(n: int) -> None:
    words = np.random.default_rng(n).integers(0, 2**32, (FEATURES, -(-n // 32)), dtype=np.uint32)
    device = _device()
    scores, _ = execute(_toy(), device, words, n, WORDS)
    bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")[:, :n]
    np.testing.assert_array_equal(scores[:, 0], bits.sum(0, dtype=np.int32) + 5)
    assert device.launched[0] == ("ones", (-(-min(n, 70 if n <= 70 else 64) // 32), 2))


def test_sizes_are_whole_words() -> None:
    assert [Buffer("b", WORK, 3, 1).bytes(n) for n in (0, 1, 2, 4)] == [4, 4, 8, 12]
    assert Buffer("b", WORK, 12, 32).bytes(33) == 24
    assert Buffer("b", WORK, 10).bytes(1000) == 12


def test_json_says_all_but_the_content_of_tables() -> None:
    launches = _toy()
    content = json.loads(launches.to_json())
    first, size = content["tables"]["added"]
    assert np.frombuffer(launches.table_bytes()[first : first + size], "<u4").tolist() == [5, 7]
    assert content["sequences"][2]["launches"][0]["shared"] == 256
    assert content["buffers"][1] == {"name": "words", "role": "words", "each": 12, "samples": 32}


def test_what_does_not_fit_together_is_refused() -> None:
    toy = _toy()
    with pytest.raises(InvariantError, match="not one buffer of words"):
        Launches(toy.buffers[:1], toy.sequences, toy.tables)
    with pytest.raises(InvariantError, match="its content differ"):
        Launches(toy.buffers, toy.sequences, {"added": np.zeros(3, np.uint32)})
    with pytest.raises(InvariantError, match="in order"):
        Launches(toy.buffers, toy.sequences[1::-1] + toy.sequences[2:], toy.tables)
    launch = Launch("k", (Argument(COUNT), *_buffers(0)), 1, 1)
    with pytest.raises(InvariantError, match="numbers before buffers"):
        Launches(toy.buffers, (*toy.sequences, Sequence(WORDS, 80, (launch,))), toy.tables)
