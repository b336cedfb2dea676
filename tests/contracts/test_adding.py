"""An addition is one file and one row: here one of each kind, found by all that reads the tables.

The files are the modules of `toys`, and `toys.rows` has the rows. Each test puts a row into its
table and does what a stranger would do next; nothing else is told of the addition. The contracts,
the documents and the helps are looked at in processes that have all the rows from the start.
"""

import contextlib
import functools
import importlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import streamlit as st
import torch
from made_texts import CLASSES, save_classifier
from PIL import Image
from safetensors.torch import save_file
from streamlit.testing.v1 import AppTest
from toys import dataset, rows, source

import usable_core as usable
from usable_core import cli, jobs, settings
from usable_core.catalog.attacks import ATTACKS, AttackSpec
from usable_core.catalog.corruptions import CORRUPTIONS
from usable_core.catalog.datasets import DATASETS
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.catalog.models import SOURCES
from usable_core.catalog.text_attacks import TEXT_ATTACKS
from usable_core.catalog.text_corruptions import TEXT_CORRUPTIONS
from usable_core.errors import CheckpointError
from usable_core.evaluations.robustness_cost import failure
from usable_core.evaluations.robustness_texts import swapped_words
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig
from usable_core.jobs import interactive
from usable_core.runs import RunStore
from usable_core.tasks import TASKS

sys.path.append(str(Path(__file__).parents[1] / "dashboard"))
from shown import links

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ON_TOYS = ("--model", "toy/one", "--dataset", "toy")
TOY_MODELS = ["toy/one", "toy/two"]

# Contracts, and a row of ours that they hold for: what is tested of it is tested of the toy.
CONTRACTS = {
    "test_attacks": "noise",
    "test_explainers": "occlusion",
    "test_explainers_on_families": "occlusion",
    "test_corruptions": "pixelate",
    "test_catalog_datasets": "digits",
    "test_catalog_models": "torchvision",
    "test_tasks": "accuracy",
    "test_text_attacks": "typo",
    "test_text_corruptions": "word_order",
    "test_text_explainers": "occlusion",
}
OF_TEXTS = "test_what_can_be_asked_of_texts_is_answered_and_called_so"  # the toy's are of pictures
DOCUMENTED = "test_every_name_is_documented_and_none_that_is_gone"
# Kinds of names in CONTRIBUTING, and the one that each of them lacks.
UNDOCUMENTED = {
    "attacks": "toy",
    "attacks on texts": "toy-words",
    "explanation methods": "toy",
    "corruptions": "toy",
    "data sets": "toy",
    "model sources": "toy",
    "tasks": "toy",
    "pages": "toy",
    "commands": "usable evaluate toy",
}
HELP = """
import sys
from toys import rows
rows.add_all()
from usable_core import cli
for words in sys.argv[1:]:
    print("=====", words)
    cli.main([*words.split(), "--help"])
"""


def in_a_process(*words, **variables):
    """Run Python on the toys and return what it said."""
    path = os.pathsep.join([str(ROOT), str(HERE), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, **variables},
        check=False,
    )


@pytest.fixture(scope="module")
def tested(tmp_path_factory):
    """Run contracts and documents' tests; return ids of all tests, and how those of toys ended."""
    folder = tmp_path_factory.mktemp("tested")
    files = [HERE / f"{name}.py" for name in CONTRACTS]
    ran = in_a_process(
        *("-m", "pytest", "-q", "-p", "toys.plugin", "-p", "no:cacheprovider"),
        *("--junitxml", folder / "report.xml", *files),
        f"{ROOT / 'tests' / 'docs' / 'test_docs.py'}::{DOCUMENTED}",
        TOYS_COLLECTED=str(folder / "collected"),
    )
    assert (folder / "report.xml").is_file(), ran.stdout + ran.stderr
    ends = {
        f"{case.get('classname').replace('.', '/')}.py::{case.get('name')}": " ".join(
            part.text or "" for part in case if part.tag in ("failure", "error")
        )
        for case in ElementTree.parse(folder / "report.xml").iter("testcase")
    }
    return (folder / "collected").read_text(encoding="utf-8").splitlines(), ends


def functions(ids, file, name):
    """Return the tests in a file that are made for a row."""
    of_file = (test for test in ids if f"/{file}.py" in test)
    return {t.split("[")[0] for t in of_file if name in re.split(r"[\[\]-]", t)[1:]}


@pytest.mark.parametrize("file", CONTRACTS)
def test_contracts_find_a_new_row_by_themselves_and_it_keeps_them(tested, file):
    collected, ends = tested

    ours = {
        test for test in functions(collected, file, CONTRACTS[file]) if not test.endswith(OF_TEXTS)
    }
    assert len(ours) > 0
    assert functions(ends, file, "toy") == ours
    assert {test: end for test, end in ends.items() if f"/{file}.py" in test and end} == {}


def test_documents_lack_each_new_name(tested):
    _, ends = tested

    lacking = {t.split("[")[1].strip("]"): end for t, end in ends.items() if DOCUMENTED in t}
    assert {kind for kind, end in lacking.items() if end} == set(UNDOCUMENTED)
    for kind, name in UNDOCUMENTED.items():
        assert f"`{name}`" in lacking[kind]


def test_every_help_lists_each_new_name():
    expected = {
        "evaluate robustness": ("gaussian_noise, toy", "shelf/NAME, toy/NAME", "languages, toy, "),
        "evaluate corruption": ("saturate, toy",),
        "evaluate explanation": ("saliency, toy",),
        "explain": ("saliency, toy",),
        "evaluate": (f"toy {rows.EVALUATION.help}",),
        "evaluate toy": ("--turns", "Quarters of a turn.", "--json"),
    }

    ran = in_a_process("-c", HELP, *expected, COLUMNS="200")

    _, *parts = re.split(r"===== .*\n", re.sub("[╭╮╰╯│─]", " ", ran.stdout))
    for (words, names), part in zip(expected.items(), parts, strict=True):
        for name in names:
            assert name in " ".join(part.split()), (words, ran.stderr)


# What a stranger does with one of them


@pytest.fixture
def add(monkeypatch):
    """Put a toy's row into its table."""
    return lambda table, row: monkeypatch.setitem(table, "toy", row)


@functools.cache
def weights(name):
    """Return weights of a toy model: `one` tells the colours apart, `two` not always."""
    torch.manual_seed(len(name))
    data, network = dataset.squares(), source.build(name, {})
    x = torch.from_numpy(np.stack([np.asarray(data.open(i)) for i in range(len(data))]))
    x, y = x.permute(0, 3, 1, 2).float() / 255, torch.from_numpy(data.targets)
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range({"one": 60, "two": 3}[name]):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()
    return network.state_dict()


@pytest.fixture
def toys(add):
    """The toy models and data: no others are as quick."""
    add(SOURCES, rows.SOURCE)
    add(DATASETS, rows.DATASET)
    (settings.home() / "toys").mkdir(parents=True)
    for name in source.WIDTHS:
        save_file(weights(name), source.files(name)[0])


@pytest.fixture
def ask():
    """Ask on the command line of a process that begins now; return the JSON."""

    def asked(*words):
        importlib.reload(cli)  # the commands are made when it is imported
        with contextlib.redirect_stdout(io.StringIO()) as output:
            assert cli.main([*words, "--json", "-"]) == 0
        return json.loads(output.getvalue())

    yield asked
    importlib.reload(cli)


@pytest.fixture
def open_page(monkeypatch):
    """Open a page; what it asks is answered at once, by this process."""
    st.cache_resource.clear()
    st.cache_data.clear()
    monkeypatch.setattr(jobs, "start", lambda config, **_: jobs.run_here(config)[0].id)
    monkeypatch.setattr(interactive, "ensure_worker", lambda: None)

    def opened(name, home=ROOT / "dashboard" / "Home.py", **params):
        app = AppTest.from_file(str(home), default_timeout=30)
        for key, value in params.items():
            app.query_params[key] = value
        app.switch_page(f"app_pages/{name}.py").run()
        assert not app.exception, app.exception
        return app

    return opened


def group(app, key):
    """Return the pills of a key."""
    return next(g for g in app.get("button_group") if key in g.proto.id)


def picture(path):
    quarters = np.uint8([[[250, 0, 0], [0, 200, 0]], [[0, 0, 150], [90, 90, 90]]])
    Image.fromarray(quarters).resize((32, 32), Image.Resampling.NEAREST).save(path)
    return str(path)


def test_an_attack(add, toys, ask, open_page):
    add(ATTACKS, rows.ATTACK)

    found = usable.evaluate_robustness("toy/one", "toy", attack="toy", epsilons=(0, 0.3), limit=9)
    few = ("--epsilon", "0.3", "--limit", "9")
    told = ask("evaluate", "robustness", *ON_TOYS, "--attack", "toy", *few)
    app = open_page("robustness", models="toy/one", data="toy")
    group(app, "robustness_preset").set_value("single").run()
    app.number_input(key="robustness_dataset_limit").set_value(9)
    app.text_input(key="robustness_epsilons").set_value("0.3")
    app.selectbox(key="robustness_attack").set_value("toy").run()
    app.button(key="robustness_start").click().run()

    assert "toy" in usable.list_attacks()
    assert set(found.records["found_attack"]) == {"", "toy"}
    assert told["attacks"][0]["name"] == "toy"
    assert failure(AttackSpec("toy", steps=20)).gradient == 2  # as its row says: one step, a look
    assert not app.exception
    assert RunStore().list("robustness")[0].config.attacks[0].name == "toy"


@pytest.fixture
def of_texts(tmp_path):
    """A model of texts, and texts."""
    save_classifier(tmp_path / "model", "gpt2")
    lines = "".join(f"that garden was seen again {i},{n}\n" for i in range(3) for n in CLASSES)
    (tmp_path / "a.csv").write_text(f"text,label\n{lines}")
    return str(tmp_path / "model"), str(tmp_path / "a.csv")


def test_an_attack_on_texts(add, ask, of_texts):
    add(TEXT_ATTACKS, rows.TEXT_ATTACK)
    model, data = of_texts

    found = usable.evaluate_robustness(model, data, attack="toy", epsilons=(0, 1.0))
    told = ask("evaluate", "robustness", "--model", model, "--dataset", data, "--attack", "toy")

    assert "toy" in usable.list_attacks()
    assert {c.name: c.verdict for c in found.checks}["white_box"] == "not run"
    for row in found.broken().to_dict("records"):
        for old, new in swapped_words(row["text"], row["adversarial_text"]):
            assert new == old[::-1]
    assert told["attacks"][0]["name"] == "toy"
    assert told["norm"] == "words"


def test_a_corruption_of_texts(add, ask, of_texts):
    add(TEXT_CORRUPTIONS, rows.TEXT_CORRUPTION)
    model, data = of_texts
    asked = ("--model", model, "--dataset", data, "--corruption", "toy", "--severity", "5")

    found = usable.evaluate_corruption(model, data, corruptions=("toy",))
    told = ask("evaluate", "corruption", *asked)

    assert len(found.records) == 9 * 5
    assert found.kind == "text"
    assert {cell["corruption"] for cell in told["cells"]} == {"toy"}


def test_an_explanation_method_of_texts(add, ask, of_texts, tmp_path):
    add(EXPLAINERS, rows.EXPLAINER)
    model, _ = of_texts
    words = ("--text", "that garden was seen", "--model", model, "--method", "toy,kernel_shap")

    found = usable.explain(model, "that garden was seen", method="toy")
    told = ask("explain", *words, "--out", str(tmp_path / "maps"))

    assert found.values.shape == (1, 4)
    assert found.values.any()
    assert [one["method"] for one in told["maps"]] == ["toy", "kernel_shap"]


def test_an_explanation_method(add, toys, ask, open_page, tmp_path):
    add(EXPLAINERS, rows.EXPLAINER)
    image, out = picture(tmp_path / "red.png"), str(tmp_path / "maps")
    options = usable.ExplainerOptions(evaluations=32, segments=4, background="black")
    methods = ("--method", "toy,occlusion", "--evaluations", "32", "--background", "black")

    found = usable.explain("toy/one", image, method="toy", options=options, evidence=True)
    told = ask("explain", "--image", image, "--model", "toy/one", *methods, "--out", out)
    over = ask("evaluate", "explanation", *ON_TOYS, *methods, "--limit", "2")
    one, many = open_page("explain"), open_page("explanation")

    assert "toy" in usable.list_explainers()
    assert found.values.any()
    assert found.evidence.sanity is not None
    assert [one["method"] for one in told["maps"]] == ["toy", "occlusion"]
    assert told["agreement"]["mean_rank_correlation"] is not None
    assert {one["method"] for one in over["methods"]} == {"toy", "occlusion"}
    assert "Toy map" in group(one, "explain_methods").options
    assert "Toy map" in group(many, "explanation_methods").options


def test_a_data_set(toys, ask, open_page):
    told = ask("evaluate", "accuracy", *ON_TOYS)
    app = open_page("accuracy", models="toy/one", data="toy")
    app.button(key="accuracy_start").click().run()

    assert "toy" in usable.list_datasets()
    assert len(usable.load_dataset("toy")) == told["n"] == 60
    assert ask("datasets")["datasets"]["toy"]["title"] == "Toy squares"
    assert "Toy squares" in open_page("accuracy").selectbox(key="data").options
    assert app.metric[0].value == f"{100 * told['accuracy']['value']:.1f} %"


def test_a_model_source(toys, ask, open_page):
    save_file(source.build("two", {"width": "6"}).state_dict(), source.files("two")[0])
    wide = ("--model", "toy/two", "--arch-option", "width=6", "--dataset", "toy")

    tuned = ask("finetune", *wide, "--epochs", "1", "--batch-size", "8")
    again = usable.load_model(tuned["reference"])
    told = ask("evaluate", "accuracy", "--model", tuned["reference"], "--dataset", "toy")
    listed = ask("models")
    picker = open_page("accuracy").multiselect(key="models")

    assert "toy/one" in usable.list_models()
    assert listed["sources"]["toy"] == rows.SOURCE.help
    assert "toy/one" in listed["suggested"]
    assert "toy/one" in picker.options
    assert "`toy/NAME`" in picker.help
    assert again.card["architecture"] == again.card["base"] == "toy/two"
    assert again(torch.rand(2, 3, 8, 8)).shape == (2, 3)
    assert told["model"] == tuned["reference"]


def test_other_files_of_a_source_are_another_question(toys, monkeypatch):
    request = interactive.ImageRequest("predict", ModelSpec("toy/one"), "picture")
    monkeypatch.setattr(interactive, "ensure_worker", lambda: None)
    before = interactive.submit(request)

    shutil.copy(source.files("two")[0], source.files("one")[0])

    assert interactive.submit(request) != before


def test_a_source_that_builds_nothing_refuses_to_be_trained_from_before_the_work(add, toys):
    add(SOURCES, replace(rows.SOURCE, build=None))
    seen = []

    with pytest.raises(CheckpointError, match="could not be loaded again"):
        jobs.run_here(
            FineTuningConfig(ModelSpec("toy/one"), DatasetSpec("toy")),
            lambda done, total, message, **metrics: seen.append(message),
        )

    assert seen == ["Loading the model and the data"]


def test_a_corruption(add, toys, ask, open_page):
    add(CORRUPTIONS, rows.CORRUPTION)

    found = usable.evaluate_corruption("toy/one", "toy", corruptions=("toy",))
    told = ask("evaluate", "corruption", *ON_TOYS, "--corruption", "toy", "--severity", "5")
    app = open_page("corruption", models="toy/one", data="toy")
    group(app, "corruption_names").set_value(["toy"])
    app.button(key="corruption_start").click().run()

    assert "toy" in usable.list_corruptions()
    assert len(found.records) == 60 * 5
    assert {cell["corruption"] for cell in told["cells"]} == {"toy"}
    assert not app.exception
    assert "Toy film" in group(app, "corruption_names").options
    assert RunStore().list("corruption")[0].config.corruptions == ("toy",)


@pytest.fixture
def home(tmp_path):
    """A copy of the pages with one more: its file, and its row in `PAGES`.

    Streamlit reads both anew each time, so there is no table in this process to put the row into.
    """
    shutil.copytree(ROOT / "dashboard", tmp_path / "dashboard")
    home = tmp_path / "dashboard" / "Home.py"
    shutil.copy(HERE / "toys" / "page.py", home.parent / "app_pages" / "toy.py")
    table, end, rest = home.read_text(encoding="utf-8").partition("\n}\n")
    row = f'\n    "toy": PageRow{rows.PAGE},'
    home.write_text(table + row + end + rest, encoding="utf-8")
    return home


def test_a_kind_of_evaluation(add, toys, ask, open_page, home):
    add(TASKS, rows.EVALUATION)

    first, second = (ask("evaluate", "toy", "--model", m, *ON_TOYS[2:]) for m in TOY_MODELS)
    again = ask("evaluate", "toy", *ON_TOYS)
    other = ask("evaluate", "toy", *ON_TOYS, "--turns", "1")
    runs = [first["run"], second["run"]]
    compared = ask("compare", *runs)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        cli.main(["evaluate", "toy", *ON_TOYS])

    assert "Right when turned: " in said.getvalue()
    assert first["n"] == 60
    assert again["answered_by"] == first["run"]
    assert other["answered_by"] is None
    assert [pair["n"] for pair in compared["pairs"]] == [60]
    assert len(usable.compare([RunStore().load(run) for run in runs]).pairs) == 1

    page = open_page("toy", home, models=TOY_MODELS, data="toy", run=runs)
    assert page.title[0].value == "Toy turns"
    assert len(page.metric) == 2
    kept = links(open_page("runs", home, run=first["run"]))
    assert kept["Show its result"] == f"toy?run={first['run']}"
    both = open_page("compare", home, run=runs)
    assert [tab.label for tab in both.tabs] == ["Toy turns"]
    assert len(both.get("plotly_chart")) == 2


def test_a_new_page_asks_its_question(add, toys, open_page, home):
    add(TASKS, rows.EVALUATION)
    page = open_page("toy", home, models="toy/one", data="toy")

    page.button(key="toy_start").click().run()

    assert not page.exception
    assert RunStore().list("toy")[0].config.turns == 2
    assert len(page.metric) == 1
