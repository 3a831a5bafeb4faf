"""The scikit-learn classifier that knows what it does not know, and the fitted model behind it."""
