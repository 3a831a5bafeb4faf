import pytest

from poleward.benchmark.suite import Comparison, Request
from poleward.benchmark.suites import SUITES, suite_named
from poleward.errors import SettingError


def test_an_unknown_suite_is_refused_with_the_known_ones():
    with pytest.raises(SettingError, match=r"suite 'sped' is unknown; choose one of tables, images"):
        suite_named("sped")


@pytest.mark.parametrize("name", [name for name, suite in SUITES.items() if isinstance(suite, Comparison)])
def test_rows_and_data_of_a_comparison_have_names_of_their_own(name):
    suite = SUITES[name]
    rows = [word for one in suite.contenders for word in {one.name, *one.rows}]
    data = {word for one in suite.made() for word in (*one.names, one.protocol)}
    assert len(rows) == len(set(rows)) and not set(rows) & data
    assert not any("," in word for word in rows)


@pytest.mark.parametrize("name", ["tables", "images", "published"])
def test_the_default_and_the_simple_row_take_part(name):
    assert {"default", "raw-5nn"} <= {one.name for one in SUITES[name].contenders}


def test_correction_has_a_quick_form_without_files():
    said = []
    SUITES["correction"].run(Request("correction", quick=True), said.append)
    assert any("made, random errors" in line for line in said)
