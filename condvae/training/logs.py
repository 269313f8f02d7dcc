"""metrics.csv, the log that every run has."""

from collections.abc import Mapping
from typing import Any

from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers import Logger

from condvae.run import Run


class CsvLog(Logger):
    """Writes what is logged to metrics.csv in the run folder. A resumed run appends to the rows of its first part.

    Lightning's own CSV log starts with an empty file each time it is opened, and would lose those rows.

    Args:
        run: the run folder.
        rows: rows to keep of the first part.
    """

    def __init__(self, run: Run, rows: list[dict[str, float]]) -> None:
        super().__init__()
        self.run, self.rows = run, rows

    @property
    def name(self) -> str:
        return "csv"

    @property
    def version(self) -> str:
        return ""

    def log_hyperparams(self, params: Any, *args: Any, **options: Any) -> None:
        """Nothing is written, because config.yaml has the settings."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.rows.append({"step": float(step or 0), **metrics})
        # The file is written once an epoch, with the row that has the seconds, because each write replaces all of it.
        if "seconds" in metrics:
            self.run.write_history(self.rows)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if self.rows:
            self.run.write_history(self.rows)
