"""Class probabilities of a trained model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cytobench._torch_images import Resize, TorchImages, identity, read_batches
from cytobench.context import Context
from cytobench.contract import Ran
from cytobench.errors import CytobenchError
from cytobench.images import Images
from cytobench_torch.augment import Normalise
from cytobench_torch.checkpoint import free_memory
from cytobench_torch.seeding import seeded

_BATCH = 128


def evaluation_data(images: Images, resolution: int) -> TorchImages:
    """The images as evaluation sees them: uint8 (3, resolution, resolution), resized once, not augmented."""
    return TorchImages(images, identity, prepare=Resize(resolution))


@torch.no_grad()
def predict_logits(model: nn.Module, data: TorchImages, normalise: Normalise, device: str, workers: int = 0) -> Tensor:
    """Logits in float32 on the CPU, (n, classes), in the order of the data. The model's mode is restored."""
    was_training = model.training
    model.eval()
    starts = range(0, len(data), _BATCH)
    batches = [list(range(start, min(start + _BATCH, len(data)))) for start in starts]
    reader = read_batches(data, batches, workers)
    logits = [model(normalise(images.to(device))).float().cpu() for images, _ in reader]
    model.train(was_training)
    return torch.cat(logits)


def to_probabilities(logits: Tensor) -> NDArray[np.float32]:
    """Softmax, computed in float64, as float32 (n, classes); rows sum to 1 up to float32 rounding."""
    if not torch.isfinite(logits).all():
        raise CytobenchError("the model's outputs are not finite numbers; train it again with a lower lr")
    return torch.softmax(logits.double(), 1).float().numpy()


def predict_proba(
    model: nn.Module, images: Images, resolution: int, normalise: Normalise, device: str, workers: int = 0
) -> NDArray[np.float32]:
    """Probabilities float32 (n, classes) of images that are resized to ``resolution`` and normalised."""
    if not len(images):
        raise CytobenchError("there is no image to predict")
    data = evaluation_data(images, resolution)
    return to_probabilities(predict_logits(model, data, normalise, device, workers))


@dataclass
class TorchPredictor:
    """Predicts with a torch model whose outputs are logits in the order of ``labels``."""

    model: nn.Module | None
    labels: tuple[str, ...]
    resolution: int
    normalise: Normalise
    ctx: Context
    ran: Ran

    def predict_proba(self, images: Images) -> NDArray[np.float32]:
        """Probabilities, float32 (n, classes), columns in the order of ``images.labels``, rows sum to 1."""
        if self.model is None:
            raise CytobenchError("this predictor is closed")
        if images.labels != self.labels:
            raise CytobenchError(f"the checkpoint knows the classes {self.labels}, not {images.labels}")
        with seeded(self.ctx.seed, self.ctx.device):
            return predict_proba(self.model, images, self.resolution, self.normalise, self.ctx.device, self.ctx.workers)

    def close(self) -> None:
        """Free the model."""
        self.model = None
        free_memory(self.ctx.device)
