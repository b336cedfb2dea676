"""`Task`: all that the rest of the house needs to know of one kind of question."""

from dataclasses import dataclass

from usable_core.evaluations.result import Config, Result
from usable_core.evaluations.specs import InputKind

GOES_ON = "it goes on from its finished parts"


@dataclass(frozen=True)
class Task:
    """One kind of question: all that the rest of the house needs to know of it.

    Attributes:
        title: As people call it.
        config: The question's dataclass; its fields are the command's options.
        result: The answer's dataclass.
        function: Dotted name; called with the objects that the config names (`model`, `dataset`,
            `source`), then `config`, `report` and `folder` (where artifacts go) by keyword.
        command: Words after `usable`; empty where no command asks it.
        help: What the command does, in one sentence.
        lines: Dotted name of `(run, result) -> lines`, the answer for people in a terminal.
        page: File in `dashboard/app_pages` that shows the answer; empty where none does.
        page_parameter: How that page's address names the run.
        figure: Dotted name of `(results, names=, theme=) -> figure`, several answers side by side;
            empty where they are not compared.
        in_short: Dotted name of `(summary) -> text`, the main number as people write it; empty
            where there is none.
        rehearsal: Dotted name of `(**objects, config=, report=) -> found`, which tells by its
            `sentence()` how long the work takes; empty where nothing can.
        makes_model: Whether the answer is a model, `run/ID`.
        again_by: Dotted name of `(answer, model, dataset, count, seed) -> Again`, which measures a
            few examples again, for who verifies it; empty where nothing can be.
        is_spread: Whether the nodes of a cluster can measure parts of it.
        again: What asking the same again does after a run that ended before its answer.
        is_of_parts: Whether the answer is put together from those to other questions, which are
            kept by themselves.
        is_of_machine: Whether the answer is of the machine and device that measured it: on another
            it is another question.
        precedes_training: Whether it is about a training that may follow: on the examples of that,
            and of models without classes too.
        matches_classes: Whether the model must know the data set's classes.
        keeps_columns: Whether the answer holds the data's own columns (the camera, the site), of
            which slices are made: with other columns it is another question.
        kinds: What it can be asked about.
    """

    title: str
    config: type[Config]
    result: type[Result]
    function: str
    command: str = ""
    help: str = ""
    lines: str = ""
    page: str = ""
    page_parameter: str = "run"
    figure: str = ""
    in_short: str = ""
    rehearsal: str = ""
    makes_model: bool = False
    again_by: str = ""
    is_spread: bool = False
    again: str = GOES_ON
    is_of_parts: bool = False
    is_of_machine: bool = False
    precedes_training: bool = False
    matches_classes: bool = False
    keeps_columns: bool = False
    kinds: tuple[InputKind, ...] = ("picture", "text")
