"""TODO."""

from collections.abc import Mapping
from typing import Any

from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers import Logger

from condvae.run import Run


class CsvLog(Logger):
    """metrics.csv in the run folder; a resumed run continues the rows of its first part.

    Lightning's own CSV log starts anew when it is opened, and so would lose them.
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
        """The settings are in config.yaml."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.rows.append({"step": float(step or 0), **metrics})
        # whole epochs at once, because every write is a whole file
        if "seconds" in metrics:
            self.run.write_history(self.rows)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if self.rows:
            self.run.write_history(self.rows)
