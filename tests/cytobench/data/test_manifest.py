"""Manifests: columns, groups, qualities, prompts, and paths that must not leave the folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cytobench.data.manifest import load_manifest, path_problem
from cytobench.errors import UserError


def manifest(cells: Path, text: str) -> Path:
    file = cells / "cells.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_minimal_csv_is_sorted_and_other_columns_are_left_alone(cells: Path, cache: Path) -> None:
    file = manifest(
        cells, "label,path,fold0\nzebra,EOS/b.png,train\nzebra,EOS/a.png,test\nNA,BAS/x.png,val\n"
    )
    dataset = load_manifest(file, cache)
    assert dataset.labels == ("NA", "zebra")
    assert list(dataset.table["path"]) == ["BAS/x.png", "EOS/a.png", "EOS/b.png"]
    assert dataset.root == cells
    assert dataset.name == "cells-cells"


def test_groups_qualities_and_prompts_follow_their_rows(cells: Path, cache: Path) -> None:
    file = manifest(
        cells,
        "path,label,group,quality,generator_prompt,classifier_prompt\n"
        "EOS/b.png,EOS,007,0.5,an eosinophil,\n"
        "EOS/a.png,EOS,,,an eosinophil,\n"
        "BAS/x.png,BAS,007,2,,a basophil\n",
    )
    dataset = load_manifest(file, cache)
    rows = dataset.table.set_index("path")
    assert rows.loc["EOS/b.png", "group"] == rows.loc["BAS/x.png", "group"] == "007"
    assert pd.isna(rows.loc["EOS/a.png", "group"])
    assert rows.loc["EOS/b.png", "quality"] == 0.5 and pd.isna(rows.loc["EOS/a.png", "quality"])
    assert dataset.prompts == {"EOS": {"generator": "an eosinophil"}, "BAS": {"classifier": "a basophil"}}


def test_parquet_with_numbers_as_groups_equals_csv(cells: Path, cache: Path) -> None:
    rows = {
        "path": ["EOS/a.png", "BAS/x.png"],
        "label": ["EOS", "BAS"],
        "group": [7, 8],
        "quality": [0.5, None],
    }
    pd.DataFrame(rows).to_parquet(cells / "cells.parquet")
    pd.DataFrame(rows).to_csv(cells / "cells.csv", index=False)
    parquet = load_manifest(cells / "cells.parquet", cache)
    pd.testing.assert_frame_equal(parquet.table, load_manifest(cells / "cells.csv", cache).table)


def test_excel_byte_order_mark_is_no_part_of_the_first_column(cells: Path, cache: Path) -> None:
    file = manifest(cells, "\ufeffpath,label\nEOS/a.png,EOS\n")
    assert len(load_manifest(file, cache)) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,lable\nEOS/a.png,EOS\n", "no column 'label'. Is 'lable' meant"),
        ("path,label,groups\nEOS/a.png,EOS,p1\n", "Did you mean 'group'"),
        ("path,label\n", "no rows"),
        ("path,label\n../x.png,EOS\n", "row 2: '../x.png' leaves"),
        ("path,label\n/etc/x.png,EOS\n", "row 2: '/etc/x.png' is absolute"),
        ("path,label\nEOS/a.png,EOS\nC:/x.png,EOS\n", "row 3: 'C:/x.png' is absolute"),
        ("path,label\nEOS\\a.png,EOS\n", "write '/'"),
        ("path,label\nEOS/gone.png,EOS\n", "do not exist:\n  row 2: EOS/gone.png"),
        ("path,label\nEOS,EOS\n", "do not exist"),
        ("path,label\nEOS/a.png,EOS\nEOS//./a.png,EOS\n", "more than once:\n  row 3"),
        ("path,label\nEOS/a.png,\n", "row 2: the label is empty"),
        ("path,label\nEOS/a.png,../EOS\n", "must not begin with"),
        ("path,label,quality\nEOS/a.png,EOS,sharp\n", "'sharp' is no number"),
        ("path,label,quality\nEOS/a.png,EOS,inf\n", "'inf' is not finite"),
        ("path,label,generator_prompt\nEOS/a.png,EOS,one\nEOS/b.png,EOS,two\n", "two different values"),
    ],
)
def test_mistakes_are_explained(cells: Path, cache: Path, text: str, message: str) -> None:
    file = manifest(cells, text)
    with pytest.raises(UserError) as caught:
        load_manifest(file, cache)
    assert message in str(caught.value) and str(file) in str(caught.value)


def test_many_mistakes_show_the_first_few_and_their_number(cells: Path, cache: Path) -> None:
    file = manifest(cells, "path,label\n" + "".join(f"gone{i}.png,EOS\n" for i in range(40)))
    with pytest.raises(UserError) as caught:
        load_manifest(file, cache)
    assert "gone0.png" in str(caught.value) and "gone39.png" not in str(caught.value)
    assert "and 35 more" in str(caught.value)


def test_a_link_out_of_the_folder_is_refused(cells: Path, cache: Path, tmp_path: Path) -> None:
    (cells / "EOS" / "a.png").rename(tmp_path / "outside.png")
    (cells / "EOS" / "a.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(UserError, match="links that lead out of the folder"):
        load_manifest(manifest(cells, "path,label\nEOS/a.png,EOS\n"), cache)


def test_a_binary_file_is_no_manifest(cells: Path, cache: Path) -> None:
    for name in ("cells.parquet", "cells.csv"):
        (cells / name).write_bytes(b"\xff\xfe\x00\x01" * 9)
        with pytest.raises(UserError, match=f"cannot be read as {name.partition('.')[2]}"):
            load_manifest(cells / name, cache)


pieces = st.sampled_from(["a", "b.png", ".", "..", "", "C:", "/", "\\", "~", "//", "\\\\host", "..."])


@given(st.lists(pieces, max_size=6), st.sampled_from(["/", "\\", ""]))
def test_no_path_that_passes_leaves_the_folder(parts: list[str], separator: str) -> None:
    text = separator.join(parts)
    if path_problem(text) is not None:
        return
    for kind, root in ((PurePosixPath, "/data/cells"), (PureWindowsPath, "C:/data/cells")):
        joined = kind(root) / text
        assert joined.is_relative_to(kind(root))
        assert ".." not in joined.parts
