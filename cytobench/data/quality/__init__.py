"""How well images and their cells can be seen."""
