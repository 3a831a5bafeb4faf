"""The scikit-learn estimator, and the fitted model behind it: the only room that ties the others together."""
