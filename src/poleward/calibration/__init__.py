"""From scores to decisions: p-values and thresholds with a guarantee for a finite number of calibration samples."""
