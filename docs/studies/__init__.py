"""What only the documentation computes: the atlas of certified ranks, and the study of depth."""
