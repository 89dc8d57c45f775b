"""Charts as SVG."""

import re
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.report.charts import Cell, Point, cells, scatter

SHARES = st.floats(0, 1)
WRITTEN = re.compile(
    r'text mark" text-anchor="(start|end)" transform="translate\(([-\d.e]+),([-\d.e]+)\)"[^>]*>(model [^<]*)</text>'
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 400), SHARES), min_size=2, max_size=8, unique=True))
def test_names_of_points_do_not_cover_one_another(places: list[tuple[float, float]]) -> None:
    points = [Point(f"model {number}", x, y, y, y) for number, (x, y) in enumerate(places)]
    written = WRITTEN.findall(scatter(points, "tokens"))
    assert len(written) == len({(x, y) for x, y in places})
    boxes = []
    for anchor, x, y, name in written:
        width = 5.5 * len(name)  # of Arial at 11 pixels, a little less than it has
        left = float(x) if anchor == "start" else float(x) - width
        boxes.append((left, left + width, float(y)))
    assert all(
        one[0] >= other[1] or other[0] >= one[1] or abs(one[2] - other[2]) >= 10
        for one, other in combinations(boxes, 2)
    )


def test_each_group_has_its_levels_and_each_name_its_dot() -> None:
    found = [
        Cell(group, level, name, 0.5, 0.4, 0.6)
        for group, level in (("zebra@1", "1"), ("zebra@1", "2"), ("kinship@1", "1"))
        for name in ("a & b", "c")
    ]
    svg = cells(found, {"a & b": "var(--first)", "c": "var(--second)"})
    for said in ("zebra@1", "kinship@1", "a &amp; b", "var(--first)", "var(--second)"):
        assert said in svg
    dots = re.findall(
        r'aria-label="level: (\d); value: 50%; name: (a &amp; b|c)" role="graphics-symbol"[^>]*"point"', svg
    )
    assert sorted(dots) == [("1", "a &amp; b")] * 2 + [("1", "c")] * 2 + [("2", "a &amp; b"), ("2", "c")]
