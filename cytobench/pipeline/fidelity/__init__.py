"""How near synthetic images are to real ones: KID, FID, precision and recall, by torch-fidelity (docs/fidelity.md)."""
