"""Data of texts, as people keep them: Parquet, CSV, JSON lines; in parts, with odd signs."""

import json
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_pictures import png
from made_texts import save_classifier
from typer.testing import CliRunner

from usable_core import (
    dataset_from_texts,
    evaluate_accuracy,
    evaluate_robustness,
    load_dataset,
    load_model,
)
from usable_core.cli import app
from usable_core.datasets.texts import from_texts
from usable_core.errors import ConfigError, DatasetRefused
from usable_core.labels import LabelSpace

ROWS = [("calm seas", "calm"), ("grr, no!", "angry"), ("alas…", "sad"), ("so it goes", "calm")]


def as_csv(path, rows=ROWS, header="text,label", quote='"'):
    lines = [header, *(f"{quote}{text}{quote},{label}" for text, label in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def contents(data):
    return [(data[i][0], data.labels.names[data[i][1]]) for i in range(len(data))]


def test_each_form_of_a_table_is_the_same_data(tmp_path):
    texts, labels = map(list, zip(*ROWS, strict=True))
    pq.write_table(pa.table({"text": texts, "label": labels}), tmp_path / "a.parquet")
    as_csv(tmp_path / "a.csv")
    tabs = "text\tlabel\n" + "".join(f"{t}\t{y}\n" for t, y in ROWS)
    (tmp_path / "a.tsv").write_text(tabs)
    lines = (json.dumps({"sentence": t, "sentiment": y}) for t, y in ROWS)
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    rows = [{"text": t, "label": y} for t, y in ROWS]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (tmp_path / "b.json").write_text(json.dumps({"text": texts, "label": labels}))

    names = ("a.parquet", "a.csv", "a.tsv", "a.jsonl", "a.json", "b.json")
    found = [load_dataset(tmp_path / name) for name in names]

    assert [contents(data) for data in found] == [ROWS] * 6
    assert len({data.fingerprint for data in found}) == 1
    assert {data.kind for data in found} == {"text"}


def test_parts_are_told_by_files_or_by_a_column(tmp_path):
    (tmp_path / "files").mkdir()
    for part in ("train", "dev", "test"):
        rows = [(f"{text} {part}", label) for text, label in ROWS]
        as_csv(tmp_path / "files" / f"{part}.csv", rows)
    rows = "".join(f"{t} {part},{y},{part}\n" for part in ("train", "test") for t, y in ROWS[1:])
    (tmp_path / "one.csv").write_text("review,class,split\n" + rows.replace("grr, no!", "grr"))

    files, one = load_dataset(tmp_path / "files"), load_dataset(tmp_path / "one.csv")

    assert {part: len(where) for part, where in files.own_split.items()} == {
        "train": 4,
        "validation": 4,
        "test": 4,
    }
    assert contents(files.split("test")) == [(f"{t} test", y) for t, y in ROWS]
    assert len(one.split("test")) == 3
    assert any("dev as validation" in note for note in files.notes)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("[1, 2]", "no column of texts"),
        ('{"text": ["a", "b"], "label": [1]}', "not of one length"),
        ("{", "no JSON"),
    ],
)
def test_json_that_is_no_table_is_told(said, sentence, tmp_path):
    (tmp_path / "a.json").write_text(said)
    with pytest.raises(DatasetRefused, match=sentence):
        load_dataset(tmp_path / "a.json")


def imdb(folder, parts=("train", "test")):
    """A data set as of IMDB: texts in folders of classes, and what lies beside them."""
    for part in parts:
        for label in ("neg", "pos"):
            (folder / part / label).mkdir(parents=True)
            for i in range(3):
                text = f"{part} {label} {i}"
                (folder / part / label / f"{i}_7.txt").write_text(text, encoding="utf-8")
        (folder / part / f"urls_{part}.txt").write_text("http://")
    (folder / "README").write_text("about")
    (folder / "imdb.vocab").write_text("the")


def test_texts_in_folders_of_classes_are_read_with_their_parts(tmp_path):
    imdb(tmp_path)
    (tmp_path / "train" / "unsup").mkdir()
    (tmp_path / "train" / "unsup" / "0_0.txt").write_text("nobody knows")
    (tmp_path / "train" / "pos" / "9_9.txt").write_bytes("caf\xe9".encode("latin-1"))
    (tmp_path / "train" / "pos" / "8_9.txt").write_text("  ")

    data = load_dataset(tmp_path)

    assert data.kind == "text"
    assert data.labels.names == ("neg", "pos")
    assert {part: len(where) for part, where in data.own_split.items()} == {"train": 7, "test": 6}
    read = {text: data.labels.names[y] for text, y in (data[i][:2] for i in range(len(data)))}
    assert read["café"] == read["train pos 1"] == "pos"
    assert not {"nobody knows", "http://"} & set(read)
    assert any("1 texts in folders called unlabelled" in note for note in data.notes)
    assert [(one.name, one.reason) for one in data.refused] == [
        ("train/pos/8_9.txt", "The text is empty.")
    ]
    assert data.place(0).startswith("test/neg/")


def test_numbered_messages_are_texts_and_a_class_without_one_is_told(tmp_path):
    for group in ("sci.space", "rec.autos"):
        (tmp_path / group).mkdir()
        for i in range(3):
            (tmp_path / group / f"3875{i}").write_text(f"{group} {i}")
    assert load_dataset(tmp_path).labels.names == ("rec.autos", "sci.space")

    (tmp_path / "alt.atheism").mkdir()
    with pytest.raises(DatasetRefused, match=r"Without a text: alt\.atheism"):
        load_dataset(tmp_path)


def test_pictures_with_texts_about_them_stay_pictures(tmp_path):
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "a.png").write_bytes(png(len(label)))
        for i in range(3):
            (tmp_path / label / f"{i}.txt").write_text("a caption")
    assert load_dataset(tmp_path).kind == "picture"


def test_a_zip_of_tables_is_read(tmp_path):
    as_csv(tmp_path / "train.csv")
    as_csv(tmp_path / "test.csv", [(f"{t}?", y) for t, y in ROWS])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "train.csv", "train.csv")
        archive.write(tmp_path / "test.csv", "test.csv")

    assert contents(load_dataset(tmp_path / "a.zip", "test")) == [(f"{t}?", y) for t, y in ROWS]


def test_ends_of_lines_within_a_text_stay(tmp_path):
    two = "one line\nand another\u2028and more"
    as_csv(tmp_path / "a.csv", [(two, "calm"), *ROWS])
    line = json.dumps({"text": two, "label": "calm"}, ensure_ascii=False)
    rest = [json.dumps({"text": t, "label": y}) for t, y in ROWS]
    (tmp_path / "a.jsonl").write_text("\n".join([line, *rest]), encoding="utf-8")

    assert load_dataset(tmp_path / "a.csv")[0][0] == two
    assert load_dataset(tmp_path / "a.jsonl")[0][0] == two


def test_what_cannot_be_read_is_left_out_with_the_reason(tmp_path):
    rows = [
        {"text": "good", "label": 0},
        {"text": "", "label": 1},
        {"text": "   ", "label": 1},
        {"text": None, "label": 1},
        {"text": ["a", "list"], "label": 1},
        {"text": "no label", "label": None},
        {"text": "hidden", "label": -1},
        {"text": "half \ud83d", "label": 1},
        {"text": "x" * 1_000_001, "label": 1},
        {"text": "fine", "label": 1},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))

    data = load_dataset(tmp_path / "a.jsonl")

    assert [data[i][0] for i in range(len(data))] == ["good", "fine"]
    reasons = " ".join(f"{r.name}: {r.reason}" for r in data.refused)
    assert len(data.refused) == 8
    for said in ("row 1: The text is empty", "half a character", "no label", "1,000,001", "list"):
        assert said in reasons


def test_texts_are_composed_at_the_door_and_else_unchanged(tmp_path):
    odd = "cafe\u0301 \u202eabc\u202c zero\u200bwidth <b>&amp;</b> =cmd()"
    as_csv(tmp_path / "a.csv", [(odd, "calm"), *ROWS])

    assert load_dataset(tmp_path / "a.csv")[0][0] == odd.replace("e\u0301", "é")


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("premise,hypothesis,label", "pairs of texts"),
        ("a,b", "no column of texts"),
        ("a,label", "no column of texts"),
        ("file_name,label", "read with its folder"),
    ],
)
def test_other_tables_say_what_is_expected(header, sentence, tmp_path):
    (tmp_path / "a.csv").write_text(f"{header}\nx,y,z\n")

    with pytest.raises(DatasetRefused, match=sentence):
        load_dataset(tmp_path / "a.csv")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_texts_without_labels_are_read_and_measured_by_nothing(ending, sentiment, tmp_path):
    rows = [{"sentence": f"text {i}", "lable": "calm"} for i in range(3)]
    path = tmp_path / f"bare.{ending}"
    if ending == "csv":
        path.write_text("sentence,lable\n" + "".join(f"text {i},calm\n" for i in range(3)))
    elif ending == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)

    data = load_dataset(path)

    assert [data[i][0] for i in range(3)] == ["text 0", "text 1", "text 2"]
    assert any("no labels" in note for note in data.notes)
    with pytest.raises(DatasetRefused, match=r"no column of labels.*its others are lable"):
        evaluate_accuracy(sentiment[0], path)


def test_tables_without_labels_in_a_folder_are_read_where_there_is_no_other(tmp_path):
    (tmp_path / "README.md").write_text("# Data")
    for part in ("train", "test"):
        (tmp_path / f"{part}.csv").write_text("text,year\n" + f"of {part},1990\n" * 3)
    bare = load_dataset(tmp_path)
    as_csv(tmp_path / "validation.csv", ROWS)

    mixed = load_dataset(tmp_path)

    assert {part: len(own) for part, own in bare.own_split.items()} == {"train": 3, "test": 3}
    assert bare.labels.names == ("unlabelled",)
    assert len(mixed) == len(ROWS)
    assert {one.name for one in mixed.refused} == {"train.csv", "test.csv"}


def test_of_several_columns_of_texts_it_is_said_which_is_read(tmp_path):
    table = {"title": ["t1", "t2"], "content": ["c1", "c2"], "label": [0, 1]}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")

    data = load_dataset(tmp_path / "a.parquet")

    assert data[0][0] == "c1"
    assert "The texts are those of the column content, not of title." in data.notes


def test_a_column_of_names_gives_the_classes_theirs(tmp_path):
    table = {"text": ["a", "b", "c"], "label": [2, 0, 2], "label_text": ["sad", "calm", "sad"]}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")

    data = load_dataset(tmp_path / "a.parquet")

    assert data.labels.names == ("calm", "sad")
    assert data.labels.ids == (0, 2)


def test_pictures_with_captions_are_pictures(tmp_path):
    table = {"image": [b"none", b"none"], "text": ["a", "b"], "label": [0, 1]}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")

    with pytest.raises(DatasetRefused, match="image"):
        load_dataset(tmp_path / "a.parquet")


def test_equal_texts_stay_on_one_side_and_are_told():
    texts = [f"text {i}" for i in range(40)] * 2 + ["Text 3!"]
    targets = np.array([i % 2 for i in range(40)] * 2 + [0])

    data = from_texts("made", texts, targets, LabelSpace(("calm", "angry")))

    contents = data.contents()
    assert len(set(contents.hashes)) == 41
    assert [3, 80] in contents.near.tolist()
    parts = [{data.split(p)[i][0] for i in range(len(data.split(p)))} for p in ("train", "test")]
    assert not parts[0] & parts[1]


@pytest.fixture
def sentiment(tmp_path):
    save_classifier(tmp_path / "model", "bert")
    path = as_csv(tmp_path / "a.csv", [(f"{t} {i}", y) for i in range(20) for t, y in ROWS])
    return load_model(tmp_path / "model"), path


def test_accuracy_is_that_of_the_model_asked_text_by_text(sentiment):
    model, path = sentiment

    result = evaluate_accuracy(model, path)

    data = load_dataset(path)
    asked = [model.predict(data[i][0], top=1)[0][0] for i in range(len(data))]
    names = np.array(result.provenance.class_names)
    assert list(names[result.records["prediction"]]) == [one.name for one in asked]
    shares = [one.probability for one in asked]
    assert np.allclose(result.records["confidence"], shares, atol=1e-5)
    assert list(result.records["index"]) == list(range(80))
    assert list(result.records["text"]) == [data[i][0] for i in range(80)]
    assert result.kind == "text"
    assert list(result.records["about_words"]) == [len(data[i][0].split()) for i in range(80)]


def test_cut_texts_are_counted(sentiment, tmp_path):
    model, _ = sentiment
    rows = [*ROWS, *((f"{'word ' * 100}{i}", "sad") for i in range(3))]

    result = evaluate_accuracy(model, as_csv(tmp_path / "long.csv", rows))

    assert any("3 of 7 texts are longer than the 40" in w for w in result.provenance.warnings)


def test_doubts_speak_of_texts(sentiment, tmp_path):
    model, _ = sentiment

    result = evaluate_accuracy(model, as_csv(tmp_path / "twice.csv", [*ROWS, *ROWS]))

    said = " ".join(result.provenance.warnings)
    assert "texts repeat another of them, word for word" in said
    assert "picture" not in said


def test_texts_and_pictures_are_not_mixed(sentiment):
    model, path = sentiment

    with pytest.raises(ConfigError, match=r"of texts and .* of pictures"):
        evaluate_accuracy(model, "digits")
    with pytest.raises(ConfigError, match=r"of texts and .* of pictures"):
        evaluate_accuracy("bundled/vgg_digits", path)
    with pytest.raises(ConfigError, match="an attack on pictures"):
        evaluate_robustness(model, path)


def test_a_look_at_texts_finds_what_is_alike(tmp_path):
    rows = [*ROWS, ("Calm seas!", "sad"), ("grr, no!", "angry")]
    answer = CliRunner().invoke(app, ["look", "--dataset", str(as_csv(tmp_path / "a.csv", rows))])

    assert answer.exit_code == 0, answer.output
    assert "2 examples are (nearly) equal to one of another class" in answer.output
    assert "With the words of an earlier example: 1." in answer.output


def test_texts_at_hand_are_the_data_set_that_a_table_of_them_is(tmp_path):
    as_csv(tmp_path / "a.csv")
    said = [text for text, _ in ROWS]
    names = sorted({label for _, label in ROWS})
    targets = [names.index(label) for _, label in ROWS]
    score = [0.5 * k for k in range(len(ROWS))]

    found = dataset_from_texts(said, targets, names, columns={"score": score})

    whole = load_dataset(tmp_path / "a.csv")
    assert contents(found) == contents(whole)
    assert found.ids == whole.ids
    assert found.kind == "text"
    assert list(found.columns["score"]) == score
    assert {"words", "characters"} <= set(found.columns)


@pytest.mark.parametrize(
    ("texts", "labels", "more", "sentence"),
    [
        ([], [], {}, "0 texts"),
        ("a text", [0], {}, "list of strings"),
        (["a"], [0, 1], {}, "1 texts and labels"),
        (["a", 3], [0, 1], {}, "Text 1 cannot be used"),
        (["a", " "], [0, 1], {}, "Text 1 cannot be used: The text is empty"),
        (["a", "b"], [0, 1], {"names": ["calm"]}, "only 1 class names"),
        (["a", "b"], [0.5, 1], {}, "whole numbers"),
        (["a", "b"], [0, 1], {"columns": {"score": [1]}}, "there are 2 texts"),
    ],
)
def test_what_is_no_data_set_of_texts_is_a_sentence(texts, labels, more, sentence):
    with pytest.raises(DatasetRefused, match=sentence):
        dataset_from_texts(texts, labels, **more)
