"""Encoders x -> (mean, log-variance) and decoders z -> prediction, for rows and for images of any size."""
