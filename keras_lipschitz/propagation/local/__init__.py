"""The ball and the box around each input, carried through a network."""
