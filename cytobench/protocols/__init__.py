"""Protocols: how real and synthetic images are divided over folds, seen by classifiers, and tested.

A protocol is a frozen set of named switches. ``strict`` promises: shots come only from the fold's training part;
synthetic images go only into training; exact duplicates (decoded pixels) and images of one group stay on one side; the
model picked on validation is the one tested, once; validation and test images are never augmented; the crop is a
fraction, the same for real and synthetic images. ``cytodiff`` is the CytoDiff study's own way (arXiv 2507.05063), with
none of these promises, for comparison with its figures. ``strict+pooled`` is ``strict`` with one change.
"""

from cytobench.protocols.division import Fold, RareClass, TooRare, refuse_few_folds, split
from cytobench.protocols.protocol import CHANGES, PROTOCOLS, Change, Protocol, find_protocol
from cytobench.protocols.shots import draw_shots, listed_elsewhere, refuse_unlisted
from cytobench.protocols.table import split_table, synthetic_path

__all__ = [
    "CHANGES",
    "PROTOCOLS",
    "Change",
    "Fold",
    "Protocol",
    "RareClass",
    "TooRare",
    "draw_shots",
    "find_protocol",
    "listed_elsewhere",
    "refuse_few_folds",
    "refuse_unlisted",
    "split",
    "split_table",
    "synthetic_path",
]
