"""Where results go to be compared: MLflow. `make_tracker` is all that the rest of the tuner uses."""

from __future__ import annotations

import sys

from search_spaces.errors import TunerError
from tuner.core.study_config import StudyConfig
from tuner.results.tracking.silent import NullTracker
from tuner.results.tracking.tracker import MlflowTracker, Notify

SCHEMES = ("sqlite", "postgresql", "mysql", "mssql", "http", "https", "databricks", "uc", "file")


def make_tracker(config: StudyConfig, notify: Notify | None = None) -> NullTracker:
    """The tracker of a run. It never fails later: `notify` gets one line about each thing the user should know.

    `config.tracking_uri` None means MLFLOW_TRACKING_URI or MLflow's default; "" means no tracking. Raises TunerError
    when the URI's scheme is none that MLflow knows.
    """
    uri = config.tracking_uri
    if uri == "":
        return NullTracker()
    scheme = (uri or "sqlite:").partition(":")[0].partition("+")[0]
    if scheme not in SCHEMES:
        raise TunerError(
            f"tracking.uri {uri!r} is nothing that MLflow can log to",
            "write sqlite:///FILE.db, http://HOST:PORT or postgresql+psycopg2://…; tracking=false for no tracking",
        )
    return MlflowTracker(uri, notify or _print)


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
