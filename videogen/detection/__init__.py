"""People found in pictures: pixels in, keypoints and masks out, by other people's networks.

`person` finds one person with mediapipe, whose networks lie in its wheel, so that it works offline;
`landmarks` says which of mediapipe's points are which of ours; `mask` tells a person from what is behind.
`solutions` is their workshop: loading mediapipe, and keeping it quiet. Frames come in as arrays; nothing
here opens a picture or a video. The optional packages are imported when something is to be found.
"""
