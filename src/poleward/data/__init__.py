"""Files on disk -> batches of samples -> prepared numbers; rankings and truth beside them."""
