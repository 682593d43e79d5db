"""How a network can vary in the ball around one input."""
