"""Names and paths to networks, strictly: what is missing, foreign or damaged is refused, never patched."""
