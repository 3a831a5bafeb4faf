def test_the_old_model_is_kept_and_the_new_one_knows_more(poleward, models, write_table, here):
    write_table(here / "new.csv", n=100, seed=1)
    before = {path.name: path.read_bytes() for path in (models / "table").iterdir()}
    done = poleward("update", models / "table", "new.csv", "--where", "odd=0", "--out", "m")
    assert done.code == 0 and "samples added" in done.out
    assert {path.name: path.read_bytes() for path in (models / "table").iterdir()} == before
    assert "added since" in poleward("info", "m").out
    again = poleward("update", "m", "new.csv", "--where", "odd=0", "--out", "n")
    assert again.code == 2 and "none of the samples is new" in again.err
