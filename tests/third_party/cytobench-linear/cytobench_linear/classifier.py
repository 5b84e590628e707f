"""Features, training on them, and prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss
from sklearn.preprocessing import StandardScaler

from cytobench.context import Context
from cytobench.contract import Checkpoints, Ran
from cytobench.images import Images
from cytobench_linear.config import LinearConfig


class Linear:
    def __init__(self, config: LinearConfig) -> None:
        self._config = config

    def fit(self, train: Images, val: Images, ctx: Context) -> Checkpoints:
        features, targets = self._features(train), train.targets
        scaler = StandardScaler().fit(features)
        held_out = scaler.transform(self._features(val)), val.targets
        curves, best = [], None
        for step, strength in enumerate(self._config.strengths):
            ctx.check_stop()
            model = LogisticRegression(C=strength, class_weight="balanced", max_iter=500)
            probabilities = _columns(model.fit(scaler.transform(features), targets), held_out[0], len(train.labels))
            figure = f1_score(held_out[1], probabilities.argmax(axis=1), average="macro", zero_division=0)
            loss = log_loss(held_out[1], probabilities, labels=range(len(train.labels)))
            score = float(figure if ctx.selection == "f1_macro" else -loss)
            curves.append({"epoch": float(step), "val_loss": float(loss), "val_f1_macro": float(figure)})
            ctx.progress(step + 1, len(self._config.strengths))
            if best is None or score > best[0]:
                best = score, model
        assert best is not None
        file = ctx.out / "linear.npz"
        np.savez(
            file,
            mean=scaler.mean_,
            scale=scaler.scale_,
            classes=best[1].classes_,
            coefficients=best[1].coef_,
            intercept=best[1].intercept_,
        )
        return Checkpoints(picked=file, last=file, curves=curves)

    def open(self, checkpoint: Path, ctx: Context) -> LinearPredictor:
        return LinearPredictor(self, checkpoint)

    def _features(self, images: Images) -> NDArray[np.float64]:
        return np.stack([self.describe(images[i]) for i in range(len(images))])

    def describe(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Mean and deviation of each channel, and a grey thumbnail, float64 (6 + side * side,)."""
        pixels = image.reshape(-1, 3) / 255
        small = Image.fromarray(image).convert("L").resize((self._config.side,) * 2, Image.Resampling.BOX)
        return np.concatenate([pixels.mean(axis=0), pixels.std(axis=0), np.asarray(small).ravel() / 255])


class LinearPredictor:
    def __init__(self, classifier: Linear, checkpoint: Path) -> None:
        self._describe = classifier.describe
        with np.load(checkpoint, allow_pickle=False) as kept:
            self._mean, self._scale = kept["mean"], kept["scale"]
            self._model = LogisticRegression()
            self._model.classes_ = kept["classes"]
            self._model.coef_, self._model.intercept_ = kept["coefficients"], kept["intercept"]
        self.ran = Ran("none", f"logistic regression on {len(self._mean)} features", None)

    def predict_proba(self, images: Images) -> NDArray[np.float32]:
        features = np.stack([self._describe(images[i]) for i in range(len(images))])
        return _columns(self._model, (features - self._mean) / self._scale, len(images.labels)).astype(np.float32)

    def close(self) -> None:
        pass


def _columns(model: LogisticRegression, features: NDArray[np.float64], classes: int) -> NDArray[np.float64]:
    """Probabilities (n, classes); 0 for a class that training did not have."""
    found = np.zeros((len(features), classes))
    found[:, model.classes_] = model.predict_proba(features)
    return found
