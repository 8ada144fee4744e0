"""Elementwise functions of networks: activations with their slopes and second derivatives."""
