"""The row of each toy, as it would stand in its table: by its key there, with the table."""

from toys.evaluation import ToyConfig, ToyResult
from usable_core.catalog.attacks import ATTACKS, AttackRow
from usable_core.catalog.corruptions import CORRUPTIONS, CorruptionRow
from usable_core.catalog.datasets import DATASETS, DatasetRow
from usable_core.catalog.explainers import EXPLAINERS, ExplainerRow
from usable_core.catalog.models import SOURCES, SourceRow
from usable_core.catalog.text_attacks import TEXT_ATTACKS
from usable_core.catalog.text_corruptions import TEXT_CORRUPTIONS
from usable_core.task import Task
from usable_core.tasks import TASKS

ATTACK = AttackRow(
    title="Toy step",
    norms=("linf", "l2"),
    function="toys.attack:Toy",
    is_iterative=False,
    is_gradient_based=True,
    paper="Wong et al. 2020, arXiv:2001.03994",
    help="One step from a random start.",
)
TEXT_ATTACK = AttackRow(
    title="Toy words",
    norms=("words",),
    function="toys.text_attack:backwards",
    is_gradient_based=True,
    is_random=False,
    paper="",
    help="Words from their end.",
)
EXPLAINER = ExplainerRow(
    title="Toy map",
    function="toys.explainer:explain",
    paper="Robnik-Šikonja & Kononenko 2008",
    help="What is lost without each superpixel.",
    uses_superpixels=True,
    of_texts="toys.explainer:explain",
)
CORRUPTION = CorruptionRow(
    title="Toy film",
    group="extra",
    function="toys.corruption:toy",
    is_common=False,
    help="On its way to the negative.",
    paper="",
    is_random=False,
)
TEXT_CORRUPTION = CorruptionRow(
    title="Toy words",
    group="words",
    function="toys.text_corruption:backwards",
    is_common=True,
    help="Words from their end.",
    paper="",
)
DATASET = DatasetRow(
    title="Toy squares",
    function="toys.dataset:squares",
    has_own_split=False,
    help="Sixty squares of three colours.",
)
SOURCE = SourceRow(
    load="toys.source:load",
    help="toy/NAME: networks of one layer.",
    build="toys.source:build",
    files="toys.source:files",
    suggested=("one", "two"),
)
EVALUATION = Task(
    title="Toy turns",
    config=ToyConfig,
    result=ToyResult,
    function="toys.evaluation:measure",
    command="evaluate toy",
    help="Measure whether a model minds pictures on their head.",
    lines="toys.evaluation:lines",
    page="toy",
    figure="toys.evaluation:bars",
)
PAGE = ("Toy turns", ":material/rotate_left:", "Train and measure")  # fields of a `PageRow`

TABLES = (
    (ATTACKS, ATTACK),
    (EXPLAINERS, EXPLAINER),
    (CORRUPTIONS, CORRUPTION),
    (DATASETS, DATASET),
    (SOURCES, SOURCE),
    (TASKS, EVALUATION),
)
TABLES_OF_TEXTS = ((TEXT_ATTACKS, TEXT_ATTACK), (TEXT_CORRUPTIONS, TEXT_CORRUPTION))


def add_all():
    """Add every row, for a process of its own."""
    for table, row in TABLES:
        table["toy"] = row
    for table, row in TABLES_OF_TEXTS:  # each has one name among pictures and texts
        table["toy-words"] = row
