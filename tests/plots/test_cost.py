"""Where marks and names stand on the picture of quality against cost."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.plots.cost import Point, draw, pareto

SVG = "{http://www.w3.org/2000/svg}"


def point(x: float, y: float, name: str = "a prompt", *, chosen: bool = False) -> Point:
    return Point(name, x, y, y - 0.1, y + 0.1, chosen)


def drawn(points: list[Point]) -> ElementTree.Element:
    text = draw(points, title="t", x_name="x", y_name="y", higher_is_better=True, notes=("one", "two"))
    return ElementTree.fromstring(text)


def test_the_front_is_what_nobody_beats() -> None:
    points = [point(1, 0.5), point(2, 0.7), point(3, 0.6), point(1, 0.4), point(2, 0.7)]
    assert pareto(points, higher_is_better=True) == [0, 1, 4]
    assert pareto(points, higher_is_better=False) == [3]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8))
def test_every_point_off_the_front_is_beaten_by_one_on_it(places: list[tuple[int, int]]) -> None:
    points = [point(x, y) for x, y in places]
    front = pareto(points, higher_is_better=True)
    assert front
    for place, one in enumerate(points):
        beaten = any(points[f].x <= one.x and points[f].y >= one.y for f in front)
        assert beaten or place in front


@pytest.mark.parametrize(
    "costs", [[0.0, 0.0, 0.0], [1.0, 1.01, 1.02], [0.001, 0.1, 30.0], [0.0, 1.0, 50.0], [1e-9, 2e-9, 3e-9]]
)
def test_everything_lies_on_the_paper(costs: list[float]) -> None:
    tree = drawn([point(x, 0.4 + place / 10, f"prompt {place}") for place, x in enumerate(costs)])
    width, height = float(tree.attrib["width"]), float(tree.attrib["height"])
    circles = list(tree.iter(f"{SVG}circle"))
    assert len(circles) == 3
    for circle in circles:
        assert 70 <= float(circle.attrib["cx"]) <= width and 0 <= float(circle.attrib["cy"]) <= height
    for text in tree.iter(f"{SVG}text"):
        assert 0 <= float(text.attrib["x"]) <= width and 0 <= float(text.attrib["y"]) <= height


def test_figures_that_are_all_the_same_are_drawn_too() -> None:
    same = [Point("a", 0.0, 0.0, 0.0, 0.0, True), Point("b", 0.0, 0.0, 0.0, 0.0, False)]
    assert len(list(drawn(same).iter(f"{SVG}circle"))) == 3


def test_names_of_ten_systems_do_not_cover_one_another() -> None:
    rng = np.random.default_rng(1)
    points = [
        point(float(10 ** rng.uniform(-1, 1)), float(rng.uniform(0, 3)), f"system number {place}")
        for place in range(10)
    ]
    boxes = []
    for text in drawn(points).iter(f"{SVG}text"):
        if text.text and text.text.startswith("system"):
            x, y, wide = float(text.attrib["x"]), float(text.attrib["y"]), 6.5 * len(text.text)
            left = x - wide if text.attrib["text-anchor"] == "end" else x
            boxes.append((left, y - 11, left + wide, y + 2))
    assert len(boxes) == 10
    for place, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[place + 1 :]:
            apart = right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
            assert apart


def test_ticks_are_round_and_inside() -> None:
    tree = drawn([point(0.13, 0.41), point(0.87, 0.77)])
    ticks = [
        text.text or "" for text in tree.iter(f"{SVG}text") if re.fullmatch(r"-?[\d.]+", text.text or "")
    ]
    assert len(ticks) > 6 and all(len(tick) <= 5 for tick in ticks)


def test_the_chosen_one_has_a_ring() -> None:
    assert len(list(drawn([point(1, 1, chosen=True), point(2, 2)]).iter(f"{SVG}circle"))) == 3
