"""A page made from records that convinces a reader: question, verdict, table, figures, images, provenance.

Everything on it is text of records, plugins and data sets, which are strangers': it is escaped where it is written, and
the page may load nothing and run nothing but what it brings along.
"""

from cytobench.reporting.page.build import Options, make_report

__all__ = ["Options", "make_report"]
