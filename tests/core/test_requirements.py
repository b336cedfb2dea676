"""Requirements as people write them: one meaning everywhere, and a sentence where there is none."""

import math

import pytest

from usable_core.catalog.metrics import METRICS
from usable_core.catalog.requirements import REQUIREMENTS
from usable_core.errors import ConfigError, UnknownName, UsableError
from usable_core.tasks import TASKS
from usable_core.verdicts import read_requirements, requirement, requirements_of
from usable_core.verdicts.verdict import exit_status


@pytest.mark.parametrize(
    ("text", "name", "place", "bound"),
    [
        ("accuracy >= 90 %", "accuracy", "", 0.9),
        ("accuracy>=0.9", "accuracy", "", 0.9),
        ("  accuracy ≥ 90% ", "accuracy", "", 0.9),
        ("ece <= 5 %", "ece", "", 0.05),
        ("ece ≤ 0.05", "ece", "", 0.05),
        ("robust_accuracy at 4/255 >= 40 %", "robust_accuracy", "4/255", 0.4),
        ("robust_accuracy at 0.5 >= 0.4", "robust_accuracy", "0.5", 0.4),
        (
            "corruption_accuracy at Gaussian noise >= 1/2",
            "corruption_accuracy",
            "gaussian_noise",
            0.5,
        ),
        ("faithfulness at LIME >= 0", "faithfulness", "lime", 0.0),
        ("faithfulness at kernel_shap >= -0.1", "faithfulness", "kernel_shap", -0.1),
        ("nll <= 1.5", "nll", "", 1.5),
        ("latency_p95 at batch 1 <= 50 ms", "latency_p95", "batch 1", 0.05),
        ("latency_p95 at 16 <= 0.5s", "latency_p95", "batch 16", 0.5),
        ("forward_p95 at Batch size 8 ≤ 1/20 s", "forward_p95", "batch 8", 0.05),
        ("parameters <= 10 M", "parameters", "", 1e7),
        ("parameters <= 10M", "parameters", "", 1e7),
        ("parameters <= 12345678", "parameters", "", 12_345_678),
        ("macs <= 4.1 G", "macs", "", 4.1e9),
        ("file_size <= 512 MiB", "file_size", "", 2**29),
        ("file_size <= 98.7 MB", "file_size", "", 98.7e6),
        ("peak_memory at batch 4 <= 1.5 GB", "peak_memory", "batch 4", 1.5e9),
        ("throughput >= 100", "throughput", "", 100),
        ("throughput >= 100/s", "throughput", "", 100),
        ("throughput >= 2e3 /s", "throughput", "", 2000),
    ],
)
def test_a_requirement_is_read(text, name, place, bound):
    found = requirement(text)
    assert (found.name, found.place) == (name, place)
    assert found.bound == pytest.approx(bound)
    assert requirement(found.text) == found


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_each_row_is_whole_and_its_example_means_itself(name):
    row = REQUIREMENTS[name]
    assert row.metric in METRICS
    assert row.task in TASKS
    found = requirement(row.example)
    assert found.name == name
    assert requirement(found.text) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "written like"),
        ("accuracy", "written like"),
        ("accuracy = 90 %", "written like"),
        ("accuracy > 90 %", "written like"),
        ("accuracy >= ninety", "written like"),
        ("accuracy >= 90", "from 0 % to 100 %"),
        ("accuracy >= -0.1", "from 0 % to 100 %"),
        ("accuracy >= 1/0", "a number or a fraction"),
        ("accuracy >= 1e999", "a number"),
        ("accuracy <= 90 %", "better the higher"),
        ("ece >= 5 %", "better the lower"),
        ("accuracy at 4/255 >= 90 %", "left out"),
        ("robust_accuracy >= 40 %", "at a place"),
        ("robust_accuracy at zero >= 40 %", "a number or a fraction"),
        ("robust_accuracy at 0 >= 40 %", "above 0"),
        ("acuracy >= 90 %", "accuracy"),
        ("faithfulness at limo >= 0", "lime"),
        ("latency_p95 at batch 1 <= 50", "has no unit"),
        ("latency_p95 at batch 1 <= 50 MB", "units: s, ms"),
        ("latency_p95 at batch 1 <= 50 %", "units: s, ms"),
        ("latency_p95 at batch 1 <= 50 MS", "has the unit 'MS'"),
        ("latency_p95 at batch 1 <= 50 msec", "has the unit 'msec'"),
        ("latency_p95 at batch 1 >= 50 ms", "better the lower"),
        ("latency_p95 at batch 1 <= 0 ms", "above 0"),
        ("latency_p95 <= 50 ms", "at a place"),
        ("latency_p95 at batch 0 <= 50 ms", "written like `batch 16`"),
        ("latency_p95 at night <= 50 ms", "written like `batch 16`"),
        ("latency_p95 at batch 99999 <= 50 ms", "at most 65,536"),
        ("latency_p59 at batch 1 <= 50 ms", "latency_p95"),
        ("ms 50 >= latency_p95 at batch 1", "written like"),
        ("50 ms >= latency_p95", "written like"),
        ("parameters <= 10 m", "has the unit 'm'"),
        ("parameters <= 10 MB", "units: G, M, k"),
        ("parameters at batch 1 <= 10 M", "left out"),
        ("parameters <= 10 M M", "written like"),
        ("parameters <= 10,000", "with a point"),
        ("file_size <= 20", "has no unit"),
        ("file_size <= 20 Mb", "has the unit 'Mb'"),
        ("throughput <= 100 /s", "better the higher"),
        ("throughput >= 100 /min", "units: /s"),
        ("nll <= 50 %", "plain number"),
        ("accuracy >= 90 M", "units: %"),
    ],
)
def test_what_is_no_requirement_is_told(text, said):
    with pytest.raises(UsableError, match=said) as refused:
        requirement(text)
    assert "\n" not in str(refused.value)


def test_a_file_is_read(tmp_path):
    path = tmp_path / "usable.toml"
    path.write_text(
        'use = "Sorting"\nset_by = "Q"\nnorm = "l2"\n'
        'require = ["accuracy >= 90 %", "robust_accuracy at 0.5 >= 0.4",'
        ' "robust_accuracy at 0.25 >= 0.6"]\n',
        encoding="utf-8",
    )
    found = read_requirements(path)
    assert (found.use, found.set_by, found.norm) == ("Sorting", "Q", "l2")
    assert found.epsilons == (0.25, 0.5)
    assert found.tasks == ("accuracy", "robustness")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no requirements"),
        ("require = []", "no requirements"),
        ("require = 5", "list of texts"),
        ("require = [5]", "list of texts"),
        ('require = ["accuracy >= 90 %"]\nuse = 5', "a text"),
        ('require = ["accuracy >= 90 %"]\nnorm = "l7"', "linf, l2 or l1"),
        ('require = ["accuracy >= 90 %"]\nrequires = 1', "requires"),
        ('require = ["accuracy >= 90 %", "accuracy >= 80 %"]', "one number"),
        ("require = [", "no TOML"),
        ("a" * 2_000_000, "larger"),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path, text, said):
    path = tmp_path / "usable.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        read_requirements(path)


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_requirements(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\x9f\x92 = 1")
    with pytest.raises(ConfigError, match="not written in UTF-8"):
        read_requirements(tmp_path / "bytes.toml")


def test_unknown_numbers_name_the_nearest():
    with pytest.raises(UnknownName, match="worst_class"):
        requirements_of(["worst_clas >= 1 %"])
    assert math.isnan(requirement("accuracy >= 1 %").epsilon)


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        (["fit"], 0),
        (["not fit"], 1),
        (["not shown"], 2),
        (["not fit", "fit", "not shown"], 0),
        (["not fit", "not shown", "not fit"], 2),  # more examples could still show one to be fit
    ],
)
def test_a_command_ends_with_the_status_of_the_best_candidate(answers, status):
    assert exit_status(answers) == status
