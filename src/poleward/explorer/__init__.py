"""The page that lives: a local server to look through a ranking, label it, and rank again from the labels."""
