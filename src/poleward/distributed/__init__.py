"""One pure function from batches of raw samples to their rankings, and the engines that carry it to many machines."""
