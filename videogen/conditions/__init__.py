"""What a person gives (keypoints, pictures, words) made into what the networks take (tensors)."""
