"""A saved detector as a folder that needs no torch: its network as ONNX, everything else as in the model folder."""
