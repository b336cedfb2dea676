import json
import subprocess
import sys

import numpy as np

from usable_core.catalog.architectures import BUNDLED
from usable_core.catalog.cards import bundled_cards
from usable_core.samples import digit_strip


def test_an_absent_or_damaged_card_is_none_and_the_backbone_is_still_listed(tmp_path, monkeypatch):
    monkeypatch.setattr("usable_core.settings.assets", lambda: tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "vgg.json").write_text("{broken")

    cards = bundled_cards()

    assert [c.name for c in cards] == list(BUNDLED)
    assert all(c.card is None and c.proportions == {} for c in cards)


def test_only_measured_shares_with_an_interval_are_proportions(tmp_path, monkeypatch):
    monkeypatch.setattr("usable_core.settings.assets", lambda: tmp_path)
    (tmp_path / "models").mkdir()
    accuracy = {"value": 0.86, "low": 0.84, "high": 0.88, "n": 1000}
    card = {"measured": {"accuracy": accuracy, "validation_loss": 0.3, "odd": {"value": 1}}}
    (tmp_path / "models" / "resnet.json").write_text(json.dumps(card))

    resnet = bundled_cards()[0]

    assert resnet.reference == "bundled/resnet"
    assert resnet.proportions == {"accuracy": accuracy}


def test_the_strip_shows_the_digits_that_scikit_learn_loads():
    from sklearn.datasets import load_digits

    strip = np.asarray(digit_strip(3, scale=1))

    expected = np.round(load_digits().images[1] / 16 * 255)
    assert strip.shape == (10, 30)
    assert np.array_equal(strip[1:9, 11:19], expected)


def test_the_strip_does_not_import_scikit_learn():
    code = "import sys; from usable_core.samples import digit_strip; digit_strip(); "
    code += "sys.exit('sklearn' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
