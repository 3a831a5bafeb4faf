"""The model: encoder, decoder, observation model and objective, joined into one thing that can be trained."""
