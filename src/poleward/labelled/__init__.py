"""A network that learns from class labels: augmented views of images, features of a network, an objective's head."""
