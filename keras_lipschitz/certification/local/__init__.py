"""Proofs from what can vary in the ball around one input."""
