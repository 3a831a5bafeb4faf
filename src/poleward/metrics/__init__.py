"""Figures that say how well scores separate anomalies from normal samples."""
