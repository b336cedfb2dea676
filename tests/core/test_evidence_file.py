"""The evidence file: a changed byte anywhere is found and named, and each number follows anew."""

import csv
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import zipfile
from types import SimpleNamespace
from xml.etree import ElementTree

import pandas as pd
import pytest
from made_evidence import HOSTILE, RULES, assessed, flipped

from usable_core import answering, cli
from usable_core.errors import StorageError
from usable_core.runs import RunStore
from usable_core.verdict_files import form, verify
from usable_core.verdict_files.page import framed, page_of
from usable_core.verdict_files.rerunning import Sample
from usable_core.verdict_files.yaml import yaml
from usable_core.verdicts import read_requirements

NONE = Sample(count=0)


@pytest.fixture
def made(tmp_path):
    """A folder with an evidence file."""
    assessed(tmp_path).save(tmp_path / "evidence")
    return tmp_path / "evidence"


def parts(folder):
    return [part for part, _ in verify(folder, sample=NONE).problems]


def document(folder):
    return json.loads((folder / "verdict.json").read_text(encoding="utf-8"))


def sealed(folder, changed):
    """Write a changed JSON with hashes that fit, as a forger would."""
    changed.pop("chain")
    page = page_of(changed)
    changed["chain"] = form.linked(changed, page)
    text = form.text_of(changed)
    (folder / "verdict.json").write_text(text, encoding="utf-8")
    (folder / "verdict.html").write_text(framed(page, text), encoding="utf-8")


def test_what_was_written_verifies_in_every_form_that_people_have(made, tmp_path):
    found = verify(made, sample=NONE)
    assert found.problems == ()
    assert found.sentence == document(made)["summary"]["sentence"]
    assert verify(made / "verdict.html", sample=NONE).is_equal
    assert verify(made / "verdict.json", sample=NONE).is_equal
    shutil.make_archive(str(tmp_path / "flat"), "zip", made)
    shutil.make_archive(str(tmp_path / "deep"), "zip", tmp_path, "evidence")
    for name in ("flat.zip", "deep.zip"):
        assert verify(tmp_path / name, sample=NONE).is_equal


def test_the_chain_is_of_each_part_and_covers_the_link_before(made):
    """Worked out here by hashlib alone."""
    data, before = document(made), ""
    page = (made / "verdict.html").read_text(encoding="utf-8")
    inner = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1]
    assert inner == (made / "verdict.json").read_text(encoding="utf-8")
    own = {link["part"]: link["sha256"] for link in data["chain"]}
    assert list(own) == [*(part for part in data if part != "chain"), "verdict.html"]
    assert own["verdict.html"] == hashlib.sha256(page.replace(inner, "").encode()).hexdigest()
    for link in data["chain"]:
        before = hashlib.sha256(f"{before} {link['part']} {link['sha256']}".encode()).hexdigest()
        assert link["linked"] == before
    for name, digest in data["files"].items():
        assert hashlib.sha256((made / name).read_bytes()).hexdigest() == digest


def test_a_notebook_shows_sentence_requirements_and_next_step_and_no_markup_of_names(tmp_path):
    result = assessed(tmp_path, name=HOSTILE)
    shown = ElementTree.fromstring(result._repr_html_())  # whole, and well formed
    told = " ".join(shown.itertext())
    assert result.sentence in told
    for rule in RULES:
        assert told.count(rule) >= 2  # of each model
    for one in result.verdicts:
        assert one.sentence in told
        assert f"Next: {one.next_step}" in told
    assert len(list(shown.iter("tr"))) == 2 * (1 + len(RULES))
    assert [e.tag for e in shown.iter() if e.tag in ("img", "script")] == []


def owner(name):
    """What a change of a file is called."""
    first = name.partition("/")[0]
    return {"records": "records", "views": "views", "usable.toml": "requirements"}.get(first, first)


def test_a_flipped_bit_anywhere_is_found_and_named(made):
    draw = random.Random(13)
    names = sorted(p.relative_to(made).as_posix() for p in made.rglob("*") if p.is_file())
    for name in names:
        path = made / name
        whole = path.read_bytes()
        for _ in range(8 if name.startswith("verdict.") else 1):
            place, bit = draw.randrange(len(whole)), draw.randrange(8)
            flipped(path, place, bit)
            found = parts(made)
            assert any(owner(name) in part for part in found), (name, place, bit, found)
            path.write_bytes(whole)
    assert parts(made) == []


@pytest.mark.parametrize("name", ["0.pth", "1.pth"])
def test_a_flipped_bit_of_the_weights_is_named(made, tmp_path, name):
    flipped(tmp_path / name, 100, 3)
    (problem,) = verify(made, sample=NONE).problems
    assert problem[0] == "weights"
    assert name in problem[1]


def test_weights_that_are_gone_are_said_to_be_not_at_hand(made, tmp_path):
    (tmp_path / "0.pth").unlink()
    found = verify(made, sample=NONE)
    assert found.is_equal
    assert any("not at hand" in note for note in found.notes)


@pytest.mark.parametrize(
    ("where", "part"),
    [
        (lambda d: d["summary"]["models"][0]["requirements"][0].update(value=0.99), "summary"),
        (lambda d: d["summary"]["models"][1].update(verdict="fit"), "summary"),
        (lambda d: d["summary"].update(sentence="All are fit for this use."), "summary"),
        (lambda d: d["summary"]["models"][0]["requirements"][2].update(low=0.5), "summary"),
        (lambda d: d["requirements"]["require"].__setitem__(0, "accuracy >= 10 %"), "requirements"),
        (lambda d: next(iter(d["numbers"].values()))[0].update(high=1.0), "numbers"),
        (lambda d: next(iter(d["results"].values())).update(n=10_000), "results"),
        (lambda d: d["summary"]["trust"].pop(), "summary"),
        (lambda d: d["summary"]["not_measured"].pop(), "summary"),
        (lambda d: d["weights"][0].update(fingerprint="other"), "weights"),
    ],
)
def test_a_forger_who_makes_all_hashes_anew_is_found_by_the_records(made, where, part):
    changed = document(made)
    where(changed)
    sealed(made, changed)
    assert part in parts(made)


def test_a_forged_record_with_fitting_hashes_is_found_by_the_numbers(made):
    changed = document(made)
    run = next(name for name, r in changed["runs"].items() if r["task"] == "accuracy")
    table, result = (made / "records" / run / n for n in ("records.parquet", "result.json"))
    records = pd.read_parquet(table)
    records["prediction"] = records["label"]
    records.to_parquet(table, index=False)
    said = json.loads(result.read_text(encoding="utf-8"))
    said["records_sha256"] = hashlib.sha256(table.read_bytes()).hexdigest()
    result.write_text(json.dumps(said), encoding="utf-8")
    for path in (table, result):
        name = path.relative_to(made).as_posix()
        changed["runs"][run]["files"][name] = hashlib.sha256(path.read_bytes()).hexdigest()
    sealed(made, changed)
    found = verify(made, sample=NONE).problems
    assert {"numbers", "results"} <= {part for part, _ in found}
    assert any("accuracy" in why for _, why in found)


def test_a_page_that_says_otherwise_is_found_whatever_its_hash(made):
    page = made / "verdict.html"
    text = page.read_text(encoding="utf-8").replace("not fit", "now fit", 1)
    frame = re.sub(r'(id="data">).*?(</script>)', r"\1\2", text, flags=re.S)
    changed = document(made)
    changed.pop("chain")
    changed["chain"] = form.linked(changed, frame)
    inner = form.text_of(changed)
    (made / "verdict.json").write_text(inner, encoding="utf-8")
    page.write_text(framed(frame, inner), encoding="utf-8")
    (problem,) = verify(made, sample=NONE).problems
    assert problem[0] == "verdict.html"
    assert "now fit" in problem[1]


def test_files_that_are_gone_or_new_or_lead_elsewhere_are_named(made, tmp_path):
    (made / "records" / "more.txt").write_text("x", encoding="utf-8")
    table = next((made / "records").rglob("records.parquet"))
    table.rename(tmp_path / "elsewhere")
    table.symlink_to(tmp_path / "elsewhere")
    found = verify(made, sample=NONE).problems
    assert ("records", "records/more.txt is not named in verdict.json") in found
    assert any("does not lie in the folder" in why for _, why in found)
    (made / "verdict.json").unlink()
    assert "verdict.json" in parts(made)


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: shutil.rmtree(f / "records"),
        lambda f: [(f / n).unlink() for n in ("verdict.html", "verdict.json")],
        shutil.rmtree,
    ],
)
def test_what_is_no_evidence_file_is_one_sentence(made, damage, capsys):
    damage(made)
    assert cli.main(["verify", str(made)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_zip_that_leads_out_of_its_folder_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../escaped.txt", "x")
    with pytest.raises(StorageError, match="does not lie"):
        verify(tmp_path / "a.zip")
    assert not (tmp_path.parent / "escaped.txt").exists()


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"form": 99}', "NaN", "[" * 9999, ""])
def test_a_json_of_another_kind_is_named(made, text):
    (made / "verdict.json").write_text(text, encoding="utf-8")
    assert "verdict.json" in parts(made)


def test_no_text_becomes_markup_and_the_page_asks_nobody(tmp_path):
    assessed(tmp_path, use=HOSTILE, name=HOSTILE).save(tmp_path / "out")
    assert verify(tmp_path / "out", sample=NONE).is_equal
    page = (tmp_path / "out" / "verdict.html").read_text(encoding="utf-8")
    assert "<img" not in page
    assert page.count("</script>") == page.count("<script") == 1  # the JSON, which is not run
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=[\"'](?!data:)|url\(|@import|style=\"", page)
    with (tmp_path / "out" / "views" / "verdict.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["model"] for row in rows} == {f"{HOSTILE} 0", f"{HOSTILE} 1"}
    wanted = read_requirements(tmp_path / "out" / "usable.toml")
    assert wanted.use == HOSTILE
    assert [one.text for one in wanted.required] == list(RULES)


def test_views_say_what_the_verdict_says(made):
    loads = pytest.importorskip("yaml").safe_load
    data = document(made)
    for place, model in enumerate(data["summary"]["models"]):
        (card,) = made.glob(f"views/*-{place + 1}/README.md")
        front = loads(card.read_text(encoding="utf-8").split("---\n")[1])
        (index,) = front["model-index"]
        values = [m["value"] for m in index["results"][0]["metrics"]]
        assert values == [row["value"] for row in model["requirements"]]
        entries = [loads(p.read_text(encoding="utf-8")) for p in card.parent.rglob("*.yaml")]
        assert sorted(e["value"] for (e,) in entries) == sorted(values)
        assert all(e["dataset"]["id"] == "digits" for (e,) in entries)


def test_yaml_means_what_json_meant():
    loads = pytest.importorskip("yaml").safe_load
    value = {"a: b": [{"x": HOSTILE, "y": [1, 2.5, None, True]}, [], {}, "no", "\u2028\x7f\x85"]}
    value |= {"yes": {"1": "1e3", "é😀": ""}}
    assert loads(yaml(value)) == value


def test_nothing_is_written_over(made, tmp_path):
    with pytest.raises(StorageError, match="something in it"):
        assessed(tmp_path).save(made)
    assert parts(made) == []
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".evidence")] == []


@pytest.mark.parametrize(("fingerprint", "is_same"), [("f0", True), ("other", False)])
def test_weights_that_changed_since_are_not_passed_off_as_measured(
    tmp_path, monkeypatch, fingerprint, is_same
):
    """A newer file is loaded to see whether it holds what was measured."""
    loaded = SimpleNamespace(fingerprint=fingerprint)
    monkeypatch.setattr(answering, "resolve", lambda *_: {"model": loaded})
    result = assessed(tmp_path)
    later = RunStore().list()[0].created.timestamp() + 10
    os.utime(tmp_path / "0.pth", (later, later))
    if is_same:
        result.save(tmp_path / "out")
    else:
        with pytest.raises(StorageError, match="changed since"):
            result.save(tmp_path / "out")
    assert (tmp_path / "out").exists() is is_same


# Gating


def test_a_pipeline_hears_the_outcome_by_its_status_junit_and_summary(
    made, tmp_path, monkeypatch, capsys
):
    step = tmp_path / "step.md"
    step.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    xml, text = tmp_path / "out.xml", tmp_path / "out.md"
    words = ["check", str(made), "--junit", str(xml), "--summary", str(text)]
    names = [model["name"] for model in document(made)["summary"]["models"]]
    verdicts = [model["verdict"] for model in document(made)["summary"]["models"]]
    assert verdicts == ["not shown", "not fit"]  # 100 of 100 in the top five show 99 % not yet
    assert cli.main(words) == 2
    assert cli.main([*words, "--model", names[1]]) == 1
    suite = ElementTree.parse(xml).getroot().find("testsuite")
    assert suite.get("tests") == str(len(RULES))
    assert int(suite.get("failures")) == len(suite.findall("testcase/failure")) >= 1
    assert "accuracy" in capsys.readouterr().out
    assert step.read_text(encoding="utf-8").startswith("before\n")
    assert text.read_text(encoding="utf-8") in step.read_text(encoding="utf-8")
    assert cli.main([*words, "--model", "nobody"]) == 2


def test_evidence_that_does_not_verify_decides_nothing(tmp_path, capsys):
    assessed(tmp_path, rules=("accuracy >= 50 %",)).save(tmp_path / "out")
    words = ["check", str(tmp_path / "out"), "--junit", str(tmp_path / "out.xml")]
    assert cli.main(words) == 0
    flipped(tmp_path / "out" / "usable.toml", 3, 0)
    assert cli.main(words) == 2
    assert "requirements" in capsys.readouterr().err
    suites = ElementTree.parse(tmp_path / "out.xml").getroot().findall("testsuite")
    assert suites[0].get("name") == "evidence"
    assert suites[0].get("errors") == suites[0].get("tests") == "2"  # another file, other words


# Signing


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen")
def test_a_signature_is_of_who_may_sign_and_of_this_file(tmp_path):
    for name in ("key", "other"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    for name in ("key", "other"):
        public = (tmp_path / f"{name}.pub").read_text(encoding="utf-8")
        (tmp_path / f"{name}.signers").write_text(f"{name}@example.org {public}", encoding="utf-8")
    folder = tmp_path / "out"
    assessed(tmp_path).save(folder, tmp_path / "key")
    assert "whose it is was not checked" in verify(folder, sample=NONE).signer
    right = verify(folder, sample=NONE, signers=tmp_path / "key.signers")
    assert (right.problems, right.signer) == ((), "key@example.org")
    wrong = verify(folder, sample=NONE, signers=tmp_path / "other.signers")
    assert [part for part, _ in wrong.problems] == ["signature"]
    changed = document(folder)
    changed["made"]["at"] = "2020-01-01T00:00:00+00:00"
    sealed(folder, changed)
    assert "signature" in parts(folder)
    (folder / "verdict.json.sig").unlink()
    assert verify(folder, sample=NONE, signers=tmp_path / "key.signers").problems
