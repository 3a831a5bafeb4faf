import torch

from poleward.training.threads import one_thread_for


def test_rows_are_computed_on_one_thread_and_the_number_of_before_comes_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread_for(rows=True):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with one_thread_for(rows=False):
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
