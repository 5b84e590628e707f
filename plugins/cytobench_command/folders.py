"""Images as folders that programs of any language read."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from cytobench.decode import encode_png, pixel_digest
from cytobench.images import Images

METADATA = "metadata.csv"


def write_labelled(images: Images, folder: Path, check_stop: Callable[[], None]) -> None:
    """Write ``folder/LABEL/000000.png`` and on, numbered in the order of the images, and ``metadata.csv``.

    This is torchvision's ImageFolder, and with ``metadata.csv`` (``file_name,label,text,synthetic``, the prompt under
    ``text``) Hugging Face's.
    """
    folder.mkdir()
    with (folder / METADATA).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file_name", "label", "text", "synthetic"])
        for i, row in enumerate(images.table.itertuples(index=False)):
            check_stop()
            name = f"{row.label}/{i:06d}.png"
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(encode_png(images[i]))
            rows.writerow([name, row.label, row.prompt, str(row.synthetic).lower()])


def write_unlabelled(images: Images, folder: Path, check_stop: Callable[[], None]) -> list[str]:
    """Write ``folder/NAME.png`` and return each image's file name.

    Names are made from the pixels, so that neither they nor their order tell a label. Images with equal pixels share a
    file.
    """
    folder.mkdir()
    names = []
    for i in range(len(images)):
        check_stop()
        image = images[i]
        name = f"{pixel_digest(image)[:24]}.png"
        (folder / name).write_bytes(encode_png(image))
        names.append(name)
    return names
