"""The data that is kept in the repository is what its notes say."""

from pathlib import Path

import numpy as np
import pytest

import driftline
from driftline.recorded import read_records
from driftline.recorded.recording import JsonRecord

PACKAGED = Path(driftline.__file__).parent / "demo" / "data"
TORNADO = Path(__file__).parent.parent / "data" / "tornado"


def all_of(path: Path) -> list[JsonRecord]:
    """Every record of a file."""
    return [record for chunk in read_records(path) for record in chunk]


def test_every_folder_says_where_its_data_is_from_and_under_which_licence() -> None:
    """Beside the data, so that it travels with it."""
    for folder in (*PACKAGED.iterdir(), TORNADO):
        note = (folder / "SOURCE.txt").read_text()
        assert "Licence:" in note
        assert (folder / "LICENSE.txt").exists() or "without restrictions" in note


def test_car_loan_changes_in_the_middle() -> None:
    """Its error rises from 5.6 % to 8.4 % at row 25,000 of 50,000."""
    predictions = all_of(PACKAGED / "car-loan" / "predictions.csv.gz")
    labels = all_of(PACKAGED / "car-loan" / "labels.csv.gz")
    assert [record["id"] for record in predictions] == [record["id"] for record in labels]
    pairs = zip(predictions, labels, strict=True)
    wrong = np.array([guess["y_pred"] != truth["repaid"] for guess, truth in pairs])
    assert len(wrong) == 50_000
    assert wrong[:25_000].mean() == pytest.approx(0.056, abs=0.002)
    assert wrong[25_000:].mean() == pytest.approx(0.084, abs=0.002)
    assert predictions[25_000]["timestamp"].startswith("2019-03-31")


def test_insects_predictions_fail_as_it_gets_warmer() -> None:
    """The model is right about three times in four at first, and one time in five at the end."""
    predictions = all_of(PACKAGED / "insects" / "predictions.csv.gz")
    labels = all_of(PACKAGED / "insects" / "labels.csv.gz")
    pairs = zip(predictions, labels, strict=True)
    wrong = np.array([guess["prediction"] != truth["class"] for guess, truth in pairs])
    assert len(wrong) == 20_150
    assert wrong[:6_000].mean() < 0.25
    assert wrong[12_000:].mean() > 0.75


@pytest.mark.parametrize(("name", "columns"), [("sine1", 4), ("mixed", 6)])
def test_tornado_streams_are_numbers(name: str, columns: int) -> None:
    """100,000 rows of finite numbers, with a class of 0 or 1."""
    records = all_of(TORNADO / f"{name}.csv.gz")
    table = np.array([[*record.values()] for record in records], np.float64)
    assert table.shape == (100_000, columns)
    assert set(table[:, -1].tolist()) == {0.0, 1.0}
