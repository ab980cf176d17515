"""Keypoint files of other programs, understood and written, family by family; see `conditions.pose`."""
