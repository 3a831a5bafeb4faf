"""What a labelled model minimises: one file per objective, each owning its head on the network's features.

Every objective also says what it predicts (`logits`) and where it places a sample (`codes`); scores are made of these.
"""
