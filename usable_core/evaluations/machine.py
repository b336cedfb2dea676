"""The machine that times were measured on, and whether it was free for it."""

from dataclasses import dataclass

_IDLE = 0.25  # processors that an idle machine keeps busy by itself


@dataclass(frozen=True)
class Machine:
    """Where and under what it was measured. Times of two machines are never compared.

    Attributes:
        mark: Tells machines apart without naming them (8 hex digits).
        processor: As its maker calls it.
        cores: Processors that the process may use (its affinity), of `all_cores`.
        all_cores: Processors that there are.
        threads: Threads that torch works with.
        device: What the network ran on, as its maker calls it.
        system: Operating system.
        load: Processes that wanted a processor on average over the minute before; None where the
            system does not tell.
        others: Processors that other work kept busy during the timing; None where the system does
            not tell.
    """

    mark: str
    processor: str
    cores: int
    all_cores: int
    threads: int
    device: str
    system: str
    load: float | None = None
    others: float | None = None

    @property
    def words(self) -> str:
        """Return it for people."""
        on = "" if self.device == self.processor else f"{self.device}, "
        threads = f"{self.threads} thread{'s' * (self.threads != 1)}"
        return (
            f"{on}{self.processor}, {self.cores} of {self.all_cores} processors, {threads}, "
            f"{self.system} (machine {self.mark})"
        )

    @property
    def busy(self) -> str:
        """Return a sentence where other work disturbed the timing; else nothing."""
        spare = max(self.cores - self.threads, 0) + _IDLE
        bound = min(spare, max(self.all_cores / 2, _IDLE))
        if self.others is not None and self.others > bound:
            return (
                f"The machine was busy: other work kept {self.others:.1f} of {self.all_cores} "
                "processors busy during the timing, so the times are too long."
            )
        if self.others is None and self.load is not None and self.load > bound + 1:
            return (
                f"The machine was busy: {self.load:.1f} processes wanted its {self.all_cores} "
                "processors in the minute before, so the times may be too long."
            )
        return ""
