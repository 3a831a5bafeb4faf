"""Which cells or pixels are wrong, what they should be, and how sure that is; everything else stays as it was."""
