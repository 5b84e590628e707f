"""A user's mistakes: each gets one message that names the culprit and a way out, exit code 2, and no traceback."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cytobench.cli import main

RUN = (
    "run --dataset cells --preset pocket --generator repeat --classifier random --synthetic 3 --shots 2 --folds 3 "
    "--device cpu --out out"
)
ROWS = "".join(f"cells/{'ABC'[i // 12]}/{i % 12:02d}.png,{'ABC'[i // 12]}\n" for i in range(36))
LOCK = (
    '{"version": 2, "items": {"dataset": {"source": "few", "path": "/few", "files": 6, "size": 9, "digest": "'
    + "f" * 64
    + '"}}}'
)
MANIFESTS = {
    "nolabel.csv": "path,class\n" + ROWS,
    "outside.csv": "path,label\n../x.png,A\n",
    "absolute.csv": "path,label\n/etc/passwd,A\n",
    "twice.csv": "path,label\n" + ROWS + "cells/A/00.png,A\n",
    "semicolons.csv": ("path,label\n" + ROWS).replace(",", ";"),
    "empty.csv": "",
    "headonly.csv": "path,label\n",
    "missing.csv": "path,label\ncells/A/99.png,A\n" + ROWS,
    "emptylabel.csv": "path,label\ncells/A/00.png,\n" + ROWS,
    "bom.csv": "\ufeffpath,label\n" + ROWS,
    "windows.csv": ("path,label\n" + ROWS).replace("/", "\\"),
    "scored.csv": "path,label,predicted\ncells/A/00.png,A,A\n",
    "fits.csv": "path,predicted\ncells/A/00.png,B\ncells/A/01.png,A\n",
    "folds.csv": "path,label,fold0\ncells/A/00.png,B,test\ncells/A/01.png,A,test\n",
    "broken.toml": "[[[",
    "key.toml": 'generatr = ["repeat"]\n',
    "type.toml": 'shots = "many"\n',
    "unknown.toml": '[D]\ngenerator = "x"\n',
    "part.toml": '[A]\ngenerater = "x"\n',
    "notable.toml": 'A = "x"\n',
    "blank.toml": '[A]\ngenerator = ""\n',
    "few.toml": 'dataset = "few"\nclassifier = ["random"]\n',
    "needs.toml": (
        'dataset = "cels"\ngenerator = ["sd21", "sd21-lora", "folder"]\nclassifier = ["clip"]\n'
        '[set]\nfolder.path = "nothing-here"\nsd21.weights = "pickled"\n'
        'sd21-lora.weights = "./nowhere"\nclip.weights = "nowhere/at-all"\n'
    ),
    "variants.toml": (
        '[variants.clip-w]\nplugin = "clip"\nclass_weight = true\n[variants.loud]\nplugin = "random"\nsynthetic = [7]\n'
        '[variants.far]\nplugin = "resnet50"\nweights = "./nowhere.safetensors"\n'
        '[variants.odd]\nplugin = "resnet50"\noversample = -1\nclass_weights = "maybe"\n'
    ),
    "variant-name.toml": '[variants."a/b"]\nplugin = "random"\n',
    "variant-taken.toml": '[variants.clip]\nplugin = "random"\n',
    "variant-none.toml": '[variants.none]\nplugin = "repeat"\n',
    "variant-plugin.toml": '[variants.x]\nplugin = "randum"\n',
    "variant-of-nothing.toml": "[variants.x]\nepochs = 1\n",
    "variant-table.toml": '[variants.x]\nplugin = "random"\n[variants.x.more]\ny = 1\n',
    "nolock.json": "{nope",
    "nothing.json": "",
    "list.json": "[]",
    "digest.json": LOCK.replace("f" * 64, "f"),
    "later.json": LOCK.replace('"version": 2', '"version": 3'),
    "other.json": LOCK.replace("dataset", "sd21.weights"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data sets, good and bad, manifests and TOML files."""
    root = tmp_path_factory.mktemp("mistakes")
    for i in range(36):
        image(root / "cells" / "ABC"[i // 12] / f"{i % 12:02d}.png", i)
    for i in range(9):
        image(root / "one" / "A" / f"{i}.png", i)
    for i in range(6):
        image(root / "few" / "ABC"[i // 2] / f"{i}.png", i)
    image(root / "flat" / "a.png", 0)
    (root / "nothing").mkdir()
    for name, text in MANIFESTS.items():
        (root / name).write_text(text, encoding="utf-8")
    (root / "binary.csv").write_bytes(bytes(range(256)) * 4)
    (root / "broken.parquet").write_text("nope")
    for name in ("truncated", "tiny", "deep", "animated", "fake"):
        shutil.copytree(root / "cells", root / name)
    whole = (root / "cells" / "A" / "00.png").read_bytes()
    (root / "truncated" / "A" / "00.png").write_bytes(whole[:300])
    image(root / "tiny" / "A" / "00.png", 0, side=5)
    Image.fromarray(np.zeros((16, 16), np.uint16)).save(root / "deep" / "A" / "00.png")
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("black", "red")]
    frames[0].save(root / "animated" / "A" / "00.gif", save_all=True, append_images=frames[1:])
    (root / "fake" / "A" / "00.png").write_text("hello")
    (root / "pickled").mkdir()
    (root / "pickled" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04N.")
    for name, record in (("newer", '{"schema_version": 99}'), ("damaged", "{nope")):
        (root / name / "records").mkdir(parents=True)
        (root / name / "records" / "a.json").write_text(record)
    (root / "old").mkdir()
    (root / "old" / "benchmark.toml").write_text("x = [")
    return root


def image(file: Path, seed: int, side: int = 16) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)).save(file)


def run(more: str) -> str:
    return f"{RUN} {more}"


def on(dataset: str) -> str:
    return RUN.replace("--dataset cells", f"--dataset {dataset}")


CASES = [
    (run("--generator repaet"), "Did you mean repeat?"),
    (run("--classifier randm"), "Did you mean random?"),
    (run("--protocol strickt"), "Did you mean strict?"),
    (run("--preset pockt"), "Did you mean pocket?"),
    (run("--set repeat.batchsize=2"), "Did you mean repeat.batch_size?"),
    (run("--set repeat.batch_size=x"), "should be a valid integer"),
    (run("--set repeat.batch_size=0"), "repeat: batch_size = 0 must be at least 1"),
    (run("--set repeat.batch_size=-3"), "repeat: batch_size = -3 must be at least 1"),
    (run("--set nothing=3"), "write PLUGIN.KEY=VALUE"),
    (run("--set sd21.steps=3"), "sd21 is not part of this run"),
    (run("--generator sd21-lora --set sd21-lora.lr=-1"), "lr = -1 should be greater than 0"),
    (run("--generator sd21-lora --set sd21-lora.steps=0"), "steps = 0 should be greater than 0"),
    (run("--generator sd21-lora --set sd21-lora.scheduler=ddmi"), "'ddim', 'dpmsolver++', 'pndm' or 'euler'"),
    (run("--classifier clip --set clip.epochs=0"), "epochs = 0 should be greater than or equal to 1"),
    (run("--classifier timm --set timm.resolution=-32"), "resolution = -32 should be greater than or equal to 8"),
    (run("--classifier timm --set timm.model=resnet5"), "Did you mean resnet"),
    (run("--classifier resnet50 --set resnet50.model=resnet18"), "should be 'resnet50'"),
    ("run broken.toml", "broken.toml is no TOML file"),
    ("run key.toml", "Did you mean generator?"),
    ("run type.toml", "type.toml: shots = 'many'"),
    ("run nofile.toml", "nofile.toml: No such file"),
    ("run cells", "cells: Is a directory"),
    ("run --dataset cells", "no classifier given"),
    (run("--prompts unknown.toml"), "'D' is no class of cells"),
    (run("--prompts part.toml"), "Did you mean generator?"),
    (run("--prompts notable.toml"), "A is no table"),
    (run("--prompts blank.toml"), "A.generator must be a text"),
    (run("--prompts nofile.toml"), "nofile.toml: No such file"),
    (on("nowhere"), "nothing is at this path"),
    (on("cels"), "Did you mean cells?"),
    (on("nothing"), "holds no class folders"),
    (on("flat"), "holds images itself"),
    (on("one"), "fewer than two classes"),
    (on("few"), "class A has 2 different images"),
    (on("nolabel.csv"), "has no column 'label'"),
    (on("outside.csv"), "leaves the manifest's folder"),
    (on("absolute.csv"), "is absolute"),
    (on("twice.csv"), "listed more than once"),
    (on("semicolons.csv"), "save it as a CSV with commas"),
    (on("windows.csv"), "write '/'"),
    (on("empty.csv"), "empty.csv is empty"),
    (on("headonly.csv"), "has no rows"),
    (on("missing.csv"), "cells/A/99.png"),
    (on("binary.csv"), "cannot be read as csv"),
    (on("emptylabel.csv"), "row 2: the label is empty"),
    (on("broken.parquet"), "cannot be read as parquet"),
    (on("broken.toml"), "is no data set"),
    (on("truncated"), "A/00.png: truncated or damaged"),
    (on("tiny"), "A/00.png: 5 x 5 pixels"),
    (on("deep"), "A/00.png: more than 8 bits"),
    (on("animated"), "A/00.gif: 2 frames"),
    (on("fake"), "A/00.png: no image of a known kind"),
    (run("--synthetic -1"), "must not be negative"),
    (run("--shots 0"), "--shots 0"),
    (run("--shots -1"), "must not be negative"),
    (run("--fold 9"), "folds are 0 to 2"),
    (run("--fold -1"), "must not be negative"),
    (run("--folds 2"), "folds = 2 should be greater than or equal to 3"),
    (run("--folds 40"), "--folds 12, or --train-only A"),
    (run("--limit 0"), "limit = 0"),
    (run("--limit 2"), "class A has 2 different images"),
    (run("--seed -1"), "seed = -1"),
    (run("--workers -1"), "workers = -1"),
    (run("--train-only D"), "'D' is no class of cells"),
    (run("--train-only A --train-only B"), "fewer than two classes"),
    (run("--merge A"), "write A,B=NAME"),
    (run("--device cuda:99"), "Leave --device out"),
    (run("--device quantum"), "torch knows no such device"),
    (run("--trained-on external"), "no generator of this run was made elsewhere"),
    (run("--generator folder"), "path has no default and must be given"),
    (run("--generator folder --set folder.path=nowhere"), "nowhere is no file or folder"),
    (run("--generator folder --set folder.path=nothing"), "holds no file matching"),
    (run("--generator oracle"), "works on phantom alone"),
    (run("--generator sd21 --set sd21.weights=nowhere/at-all"), "nowhere/at-all cannot be had"),
    (run("--generator sd21 --set sd21.weights=./nowhere"), "./nowhere is no file or folder"),
    (run("--generator sd21 --set sd21.weights=pickled"), "holds no file matching unet/"),
    (RUN.replace("--out out", "--out old"), "old/benchmark.toml is no TOML file"),
    (RUN.replace("--out out", "--out key.toml"), "'key.toml' is a file"),
    (RUN.replace("--out out", "--out /proc/x"), "--out /proc/x cannot be written"),
    ("leaderboard nowhere", "nowhere is no folder"),
    ("leaderboard nothing", "nothing holds no records"),
    ("leaderboard newer", "schema version 99"),
    ("leaderboard damaged", "a.json is no JSON"),
    ("leaderboard", "Missing argument"),
    ("leaderboard newer --format xls", "'xls' is not one of"),
    ("generate --generator repeat --dataset cells --label D --shots 2 -n 2 --out g", "'D' is no class"),
    ("generate --generator repeat --dataset cells --label A --shots 0 -n 2 --out g", "0 is not in the range"),
    ("generate --generator repeat --dataset cells --label A --shots 2 -n 2 --out cells", "already holds files"),
    ("data describe nowhere", "nothing is at this path"),
    ("data split cells --out nothing", "'nothing' is a directory"),
    ("data split cells --out s.csv --shots 0", "--shots 0: must be at least 1"),
    ("data split cells --out s.csv --synthetic -2", "--synthetic -2: must be at least 0"),
    ("data split cells --out s.csv --select sharpest", "--select sharpest: it chooses shots, so add --shots K"),
    ("data split cells --out s.csv --shots 2 --select frist", "--select frist: no such choice, and no such file."),
    ("generate --generator repeat --dataset cells --label A -n 2 --out g --select no.txt", "--select no.txt: no such"),
    (f"{RUN} --select sharp", "Did you mean sharpest?"),
    (f"{RUN} --select nothing", "--select nothing: Is a directory"),
    (f"{RUN} --select nothing.json", "--select nothing.json lists no image"),
    ("data export cells cells", "cells is not empty"),
    ("data exprt", "Did you mean 'export'?"),
    ("rnu", "Did you mean run?"),
    ("assets fetch nofile.toml", "nofile.toml: No such file"),
    ("assets fetch cells", "cells: Is a directory"),
    ("assets fetch key.toml", "Did you mean generator?"),
    ("assets fetch needs.toml --lock needs.toml", "--lock needs.toml: a lock file is named .json"),
    ("assets fetch needs.toml", "5 of 5 things cannot be had; no lock is written"),
    ("assets fetch needs.toml", "clip.weights: the weights nowhere/at-all cannot be had"),
    ("assets fetch needs.toml", "sd21.weights: "),
    ("assets fetch needs.toml", "holds no file matching unet/"),
    ("assets fetch needs.toml", "folder.path: nothing-here is no file or folder"),
    ("assets fetch needs.toml", "dataset: cels: no installed data set has this name"),
    ("assets fetch few.toml --lock /proc/x/y.json", "the lock file /proc/x/y.json cannot be written"),
    ("assets fetch few.toml --lock nothing.json/y.json", "the lock file nothing.json/y.json cannot be written"),
    ("assets verify few.toml", "there is no lock file few.assets.json"),
    ("assets verify few.toml --lock nolock.json", "nolock.json is damaged: Invalid JSON"),
    ("assets verify few.toml --lock list.json", "list.json is damaged"),
    ("assets verify few.toml --lock digest.json", "digest.json is damaged: items: dataset: digest"),
    ("assets verify few.toml --lock later.json", "later.json has version 3; this cytobench reads 2"),
    ("assets verify few.toml --lock other.json", "only other.json holds sd21.weights"),
    ("assets verify few.toml --lock nolocks/", "a lock file is named .json"),
    ("assets verfy few.toml", "Did you mean 'verify'?"),
    (run("variant-name.toml"), "variants.a/b: no valid name. Use letters, digits"),
    (run("variant-taken.toml"), "variants.clip: clip is an installed plugin"),
    (run("variant-none.toml"), "variants.none: none is what tables call N = 0"),
    (run("variant-plugin.toml"), "variants.x.plugin randum: no such plugin. Did you mean random?"),
    (run("variant-of-nothing.toml"), "variant-of-nothing.toml: variants.x.plugin has no default"),
    (run("variant-table.toml"), "variants.x.more = {'y': 1} is no setting: write a number"),
    (run("variants.toml --classifier clip-w"), "clip-w.class_weight: no such key. Did you mean clip-w.class_weights?"),
    (run("variants.toml --classifier clip-v"), "--classifier clip-v: no such classifier. Did you mean clip-w?"),
    (run("variants.toml --generator loud"), "--generator loud: it is a variant of random, which is no generator"),
    (run("variants.toml --classifier loud"), "variants.loud.synthetic [7]: none of the run's numbers"),
    (run("variants.toml --classifier odd"), "oversample = -1 should be greater than or equal to 0"),
    (run("variants.toml --classifier odd"), "class_weights = 'maybe' should be a valid boolean"),
    (run("variants.toml --set loud.x=1"), "--set loud.…: loud is not part of this run"),
    (run("variants.toml --classifier far"), "far.weights: ./nowhere.safetensors is no file or folder here"),
    (run("variants.toml --classifier far"), "leave the option out and start from random values"),
    ("assets fetch variant-taken.toml", "variants.clip: clip is an installed plugin"),
    ("data describe cells --folds 2", "--folds 2: at least 3 are needed"),
    ("data describe cells --shots 0", "--shots 0: must be at least 1"),
    ("data describe cells --picture s.csv", "--picture s.csv: give a name that ends in .png"),
    ("data describe cells --picture cells/A/00.png", "--picture cells/A/00.png: images of the data set lie in this"),
    ("data describe cells --picture nothing", "'nothing' is a directory"),
    ("data describe cells --picture key.toml/sheet.png", "--picture key.toml/sheet.png cannot be written"),
    ("score", "Missing argument"),
    ("score nowhere.csv", "nowhere.csv is no file"),
    ("score cells", "give a .csv or a .parquet file"),
    ("score empty.csv", "empty.csv is empty"),
    ("score binary.csv", "binary.csv cannot be read as csv"),
    ("score broken.parquet", "broken.parquet cannot be read as parquet"),
    ("score nolabel.csv", "nolabel.csv has no column label"),
    ("score semicolons.csv", "semicolons.csv has no column label"),
    ("score headonly.csv", "headonly.csv has no column predicted"),
    ("submit scored.csv --name x --out g", "Missing option '--split'"),
    ("submit scored.csv --split nowhere.csv --name x --out g", "nowhere.csv is no file"),
    ("submit scored.csv --split nolabel.csv --name x --out g", "--split nolabel.csv has no column label"),
    ("submit scored.csv --split empty.csv --name x --out g", "empty.csv is empty"),
    ("submit scored.csv --split folds.csv --name ../x --out g", "--name '../x'"),
    ("submit scored.csv --split folds.csv --name x --out g", "cells/A/01.png"),
    ("submit scored.csv --split folds.csv --name x --out g", "cells/A/00.png: 'A', in the split 'B'"),
    ("submit fits.csv --split folds.csv --name x --out g --results nowhere", "nowhere is no folder"),
    ("submit fits.csv --split folds.csv --name x --out g --results nothing", "nothing holds no records"),
    ("submit fits.csv --split folds.csv --name x --out key.toml", "'key.toml' is a file"),
    ("submit fits.csv --split folds.csv --name x --out /proc/x", "--out /proc/x cannot be written"),
    ("export-shots cells --out g", "Missing option '--shots'"),
    ("export-shots cells --shots 2 --out cells", "--out cells is not empty"),
    ("export-shots cells --shots 2 --out key.toml", "--out key.toml is a file"),
    ("export-shots cells --shots 2 --out g --folds 2", "folds = 2 should be greater than or equal to 3"),
    ("export-shots cells --shots 2 --out g --prompts unknown.toml", "'D' is no class of cells"),
    ("export-shots tiny --shots 2 --out g", "5 x 5 pixels"),
    ("confusion", "nothing to show"),
    ("confusion nothing", "name both a results folder and a row"),
    ("confusion nothing --row a/b/s0/n0", "nothing holds no records"),
    ("confusion --published s1", "Confusion matrices: s3, s4, s9, s10"),
    ("confusion damaged --row x", "a.json is no JSON"),
    ("leaderboard nothing --published", "nothing holds no records"),
]


@pytest.mark.parametrize(("line", "said"), CASES, ids=[line.replace(RUN, "run ...") for line, _ in CASES])
def test_a_mistake_is_named_with_a_way_out_and_nothing_is_done(
    place: Path, line: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    for name in ("CYTOBENCH_CACHE", "HF_HOME"):
        monkeypatch.setenv(name, str(place / name))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, ""), err
    assert said in err and "Traceback" not in err
    assert not (place / "out").exists() and not (place / "s.csv").exists() and not (place / "g").exists()


def test_a_long_manifest_without_its_files_is_one_short_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"cells/{'ABC'[i % 3]}/{i}.png,{'ABC'[i % 3]}\n" for i in range(100_000))
    Path("long.csv").write_text("path,label\n" + rows)
    with pytest.raises(SystemExit) as ended:
        main(on("long.csv").split())
    err = capsys.readouterr().err
    assert ended.value.code == 2 and err.count("\n") < 10
    assert "files that do not exist" in err and "row 2: cells/A/0.png" in err and "99995 more" in err


def test_a_manifest_with_a_byte_order_mark_is_read(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("CYTOBENCH_CACHE", str(place / "CYTOBENCH_CACHE"))
    with pytest.raises(SystemExit) as ended:
        main(["data", "describe", "bom.csv"])
    assert ended.value.code == 0
    assert "36 images, 3 classes" in capsys.readouterr().out
