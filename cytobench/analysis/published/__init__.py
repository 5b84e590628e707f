"""The figures of the CytoDiff study (arXiv 2507.05063), from the CSV files beside this module, and how ours compare.

Tables S1 to S3 (means and standard deviations over five folds, two decimals), the confusion matrices behind Figs. S3,
S4, S9 and S10 (summed from the authors' published matrices of each fold) and the FIDs of Fig. S8. See
docs/published.md.
"""

from cytobench.analysis.published.figures import (
    FIGURES,
    TABLES,
    PublishedRow,
    published_fids,
    published_matrix,
    published_rows,
)
from cytobench.analysis.published.judge import STUDY_COUNTS, beside, beside_matrix, differences, with_published

__all__ = [
    "FIGURES",
    "STUDY_COUNTS",
    "TABLES",
    "PublishedRow",
    "beside",
    "beside_matrix",
    "differences",
    "published_fids",
    "published_matrix",
    "published_rows",
    "with_published",
]
