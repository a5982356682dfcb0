"""Frozen models: ONNX, an external command, predictions on disk; baseline training (extra)."""
