"""One report over several pieces of work, each of which counts from nothing."""

from collections.abc import Sequence

from usable_core.evaluations.specs import Report


class Progress:
    """A report of steps done over all parts, which never goes back.

    Attributes:
        parts: Steps of each part, as far as they are known before.
    """

    def __init__(self, report: Report, parts: Sequence[int], message: str) -> None:
        """Prepare.

        Args:
            report: Told the steps done over all parts; raises `Cancelled`.
            parts: Steps of each part.
            message: What is done; `{part}` becomes the number of the part, `{parts}` how many.
        """
        self.parts, self._report, self._message = tuple(parts), report, message
        self._highest, self._words = 0, ""

    def part(self, index: int) -> Report:
        """Return the report of a part, which may be over and counted again."""
        before, planned = sum(self.parts[:index]), self.parts[index]
        words = self._message.format(part=index + 1, parts=len(self.parts))

        def report(done: int, total: int, message: str, **metrics: float) -> None:
            share = min(1.0, done / max(total, 1))
            self._highest = max(self._highest, before + int(share * planned))
            self._words = words
            self._report(self._highest, sum(self.parts), words, **metrics)

        return report

    def tell(self) -> None:
        """Report again how far it is."""
        self._report(self._highest, sum(self.parts), self._words)

    def finish(self, parts: int) -> None:
        """Report that so many parts are over."""
        if parts:
            self.part(parts - 1)(1, 1, "")
