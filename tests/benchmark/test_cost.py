from poleward.benchmark.cost import cost_figures, kinds


def test_fitting_and_scoring_are_compared_with_the_autoencoder_alone():
    ratios = [figure for figure in cost_figures(1, ((120, 3),), epochs=1) if figure.goal]
    assert [figure.name.split(",")[0] for figure in ratios] == [
        "fitting 120 rows of 3 columns",
        "scoring 120 rows of 3 columns",
    ]
    assert all(figure.value.typical > 0 for figure in ratios)
    assert [figure.met for figure in ratios] == [
        figure.value.typical <= most for figure, most in zip(ratios, (3, 2), strict=True)
    ]


def test_made_rows_are_the_same_every_time():
    assert (kinds(50, 4) == kinds(50, 4)).all()
