"""One saved detector behind HTTP; ``limits`` is also what the explorer's server asks of a request."""
