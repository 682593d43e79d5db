"""The host side in float64: norms of layers, certificates, fingerprints."""
