"""Images are changed at random as a recipe says."""

from __future__ import annotations

import torch

from lgn_edge.training.samples import augmented


def test_images_are_shifted() -> None:
    image = torch.zeros(4, 5, dtype=torch.uint8)
    image[1, 2] = 7
    moved = augmented(image.flatten().expand(200, -1), (4, 5), 1, False).reshape(200, 4, 5)
    places = {tuple(place) for place in (moved == 7).nonzero()[:, 1:].tolist()}
    assert places == {(row, column) for row in (0, 1, 2) for column in (1, 2, 3)}
    assert (moved.flatten(1).sum(1) == 7).all()


def test_planes_of_an_image_are_changed_alike() -> None:
    image = torch.arange(1, 13, dtype=torch.uint8)
    planes = torch.cat([image, image + 100, image + 200])
    moved = augmented(planes.expand(200, -1), (3, 4), 1, True).reshape(200, 3, 3, 4)
    red, green, blue = moved.unbind(1)
    assert torch.equal(green, torch.where(red > 0, red + 100, red))
    assert torch.equal(blue, torch.where(red > 0, red + 200, red))


def test_images_are_mirrored() -> None:
    image = torch.arange(12, dtype=torch.uint8)
    mirrored = augmented(image.expand(200, -1), (3, 4), 0, True)
    kinds = {tuple(row) for row in mirrored.tolist()}
    assert kinds == {tuple(range(12)), (3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8)}
