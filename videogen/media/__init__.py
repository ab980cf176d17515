"""Files in and files out, one frame at a time: pictures, videos, sound, provenance.

`image` reads and writes single pictures, `video` reads and writes clips (mp4, webm, gif, webp, folders of
PNG), `provenance` holds the record that every output carries. The other modules are their workshop:
`files` (safe opening, atomic writing, the one place where foreign errors become `MediaError`), `container`
and `decode` (reading through PyAV), `encode`, `soundtrack` and `remux` (writing through PyAV), `animation`
(what Pillow reads and writes), `ahead` (threads), `info` (size, rate, timing). Nothing here knows a network
or a request.
"""
