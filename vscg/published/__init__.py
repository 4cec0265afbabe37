"""The published programs' parameter names, ours, and the layers that never did anything."""
