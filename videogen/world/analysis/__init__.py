"""How clips of the world are read back from their pixels; `videogen.world.analyse` is the face of it."""
