"""Which layer is named, where later layers do not read the one at fault."""

from __future__ import annotations

from lgn_edge.verification.locate import bisect, in_order

DIFFERENCE = (0, 0, 1, 0)


def test_the_first_layer_is_named_although_later_ones_agree() -> None:
    differs = {0, 3}  # layers 1 and 2 do not read layer 0

    def check(stage: int) -> tuple[int, int, int, int] | None:
        return DIFFERENCE if stage in differs else None

    assert in_order(3, check) == (0, DIFFERENCE)
    assert bisect(3, check)[0] == 3  # which is why a chain alone is bisected
    assert in_order(2, check) == (2, None)
