"""What of a study is already in MLflow: `tracking.json` in the study's folder."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tuner.core.files import write_json

FILE_NAME = "tracking.json"


@dataclass
class Ledger:
    """The study's identity in MLflow and the run of each trial that is logged completely.

    `id` is written before anything is created under it, and every run carries it as a tag. So a run that was created
    but not recorded here, because the process was killed in between, is found again instead of made twice.
    """

    path: Path
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    tracking_uri: str = ""
    experiment_id: str = ""
    parent_run_id: str = ""
    trials: dict[int, str] = field(default_factory=dict)

    @staticmethod
    def load(directory: Path) -> Ledger:
        """The ledger of the study in `directory`; a new one when there is none or it cannot be read."""
        path = directory / FILE_NAME
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            return Ledger(
                path,
                str(document["id"]),
                str(document["tracking_uri"]),
                str(document["experiment_id"]),
                str(document["parent_run_id"]),
                {int(number): str(run_id) for number, run_id in document["trials"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return Ledger(path)

    def start_on(self, tracking_uri: str, experiment_id: str, parent_run_id: str, trials: Mapping[int, str]) -> None:
        """Point to a parent run, with the trials that are known to be logged under it."""
        self.tracking_uri, self.experiment_id, self.parent_run_id = tracking_uri, experiment_id, parent_run_id
        self.trials = dict(trials)
        self.save()

    def record(self, number: int, run_id: str) -> None:
        """The trial is in MLflow completely."""
        self.trials[number] = run_id
        self.save()

    def save(self) -> None:
        """Replace the file in one step, so that a kill leaves the old one or the new one. Raises OSError."""
        document = {
            "id": self.id,
            "tracking_uri": self.tracking_uri,
            "experiment_id": self.experiment_id,
            "parent_run_id": self.parent_run_id,
            "trials": {str(number): self.trials[number] for number in sorted(self.trials)},
        }
        write_json(self.path, document)
