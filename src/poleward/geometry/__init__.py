"""Points on and in high-dimensional spheres: coordinates (torch, differentiable) and measures (numpy, logarithmic)."""
