"""Image sets and artefacts out of a run's store, as files other tools open, with a card that says what they are.

``kept`` finds what the store still holds of a run, ``write`` writes it, ``card`` says what it is.
"""

from cytobench.exchange.exported.write import Exported, export_images

__all__ = ["Exported", "export_images"]
