"""Networks, layer by layer: how constants, boxes and balls go through them."""
