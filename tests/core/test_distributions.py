"""The distributions written out here are those of SciPy."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import special, stats

from usable_core.metrics.distributions import at_most, beta_quantile, beta_share, student_quantile

COUNTS = [(1, 2), (1, 50), (3, 3), (17, 500), (498, 2), (9000, 1001), (5000, 5000), (99_999, 2)]
SHARES = (1e-6, 0.0025, 0.025, 0.5, 0.975, 0.9975)


@pytest.mark.parametrize(("a", "b"), [*COUNTS, (0.5, 4.5), (5000.5, 0.5)])
def test_beta(a: float, b: float) -> None:
    for share in SHARES:
        expected = special.betaincinv(a, b, share)
        assert beta_quantile(a, b, share) == pytest.approx(expected, rel=1e-12)
    for x in (1e-4, 0.1, 0.5, 0.9, a / (a + b)):
        assert beta_share(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-9, abs=1e-300)
    assert (beta_share(a, b, 0), beta_share(a, b, 1)) == (0, 1)


@pytest.mark.parametrize("n", [1, 2, 6, 71, 72, 500, 10_000])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_binomial(n: int, share: float) -> None:
    expected = special.bdtr(np.arange(n + 1), n, share)
    assert at_most(n, share) == pytest.approx(expected, rel=1e-10, abs=1e-15)


@pytest.mark.parametrize("freedom", [1, 2, 3, 9, 99, 9999, 100_000])
def test_student(freedom: int) -> None:
    for share in (0.6, 0.975, 0.99975):
        expected = stats.t(freedom).ppf(share)
        assert student_quantile(freedom, share) == pytest.approx(expected, rel=1e-10)


def test_numbers_are_shown_without_scipy() -> None:
    code = (
        "import sys\nfrom usable_core.metrics.intervals import exact, mean_estimate\n"
        "import numpy as np\nexact(3, 9); mean_estimate(np.arange(5.0))\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'scipy'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
