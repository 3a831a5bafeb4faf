"""The model: an encoder, a decoder, the observation model and the objective, joined into one thing that can be
trained."""
