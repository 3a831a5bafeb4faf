import numpy as np
import pytest

from poleward.report.thumbnails import THUMBNAIL
from poleward.report.wall import COLUMNS, ROWS, Wall, sheets


def grey(levels):
    return np.asarray(levels, np.uint8)[:, None, None, None] * np.ones((1, 4, 6, 1), np.uint8)


@pytest.mark.parametrize("parts", [1, 3, 10])
def test_the_most_anomalous_come_first_however_they_arrive(parts):
    wall = Wall(5)
    scores = np.random.default_rng(0).permutation(10).astype(float)
    for some in np.array_split(np.arange(10), parts):
        wall.add(grey(10 * scores[some]), scores[some])
    kept = wall.thumbnails()
    assert kept.shape == (5, THUMBNAIL, THUMBNAIL, 3)
    assert kept[:, THUMBNAIL // 2, THUMBNAIL // 2, 0].tolist() == [90, 80, 70, 60, 50]


def test_sheets_hold_all_thumbnails_in_order():
    found = list(sheets(np.zeros((ROWS * COLUMNS + COLUMNS + 1, 4, 4, 3), np.uint8)))
    assert [(sheet.first, sheet.last) for sheet in found] == [(1, 192), (193, 205)]
    assert [(sheet.width, sheet.height) for sheet in found] == [(48, 64), (48, 8)]
    assert all(sheet.uri.startswith("data:image/jpeg;base64,") for sheet in found)


def test_nothing_met_makes_no_sheet():
    assert list(sheets(Wall(5).thumbnails())) == []
