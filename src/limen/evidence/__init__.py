"""Records of what was computed from what, and the store that keeps them. Knows digests, not medicine."""
