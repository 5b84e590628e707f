"""The figures of the CytoDiff study (arXiv 2507.05063), from the CSV files beside this module, and how ours compare.

Tables S1 to S3 (means and standard deviations over five folds, two decimals), the confusion matrices behind Figs. S3,
S4, S9 and S10 (summed from the authors' published matrices of each fold) and the FIDs of Fig. S8. See
docs/published.md.
"""

from cytobench.analysis.published.judge import (
    STUDY_COUNTS,
    compare_published,
    differences,
    matrix_with_verdict,
    with_published,
)
from cytobench.analysis.published.study import (
    FIGURES,
    TABLES,
    PublishedRow,
    published_fids,
    published_matrix,
    published_rows,
)

__all__ = [
    "FIGURES",
    "STUDY_COUNTS",
    "TABLES",
    "PublishedRow",
    "compare_published",
    "differences",
    "matrix_with_verdict",
    "published_fids",
    "published_matrix",
    "published_rows",
    "with_published",
]
