"""One line per event, for logs, pipes and dumb terminals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TextIO

from search_spaces.parameter import Value
from tuner.core.events import Outcome, Standing, StudyInfo
from tuner.core.trial import TrialResult, TrialStatus
from tuner.results.display.progress import StudyProgress
from tuner.results.summary import summary_lines
from tuner.results.wording import ratio_text, status_text
from tuner.tournament.verdict import counted

_HOW_FAR = re.compile(r"\s*\d+(\.\d+)? ?%.*$")
STATUS_WIDTH = max(len(status) for status in TrialStatus)


class PlainDisplay:
    """Writes lines to `stream`. A stream that is gone (a closed pipe) is given up without a word."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False
        self._prepared = ""
        self.state = StudyProgress()

    def study_started(self, info: StudyInfo) -> None:
        """Say what is searched, and within which budget."""
        self.state.start(info)
        self.line(start_text(info))

    def progress(self, text: str) -> None:
        """Slow preparation: what is done, once; how far it is would fill a log."""
        what = _HOW_FAR.sub("", text) or text
        if what != self._prepared:  # most trials prepare what an earlier one has prepared
            self.line(f"… {what}")
        self._prepared, self.state.preparing = what, text

    def trial_started(self, number: int, params: Mapping[str, Value], purpose: str) -> None:
        """Nothing to say yet."""
        self.state.start_trial(number, params, purpose)

    def round_finished(self, number: int, rounds: int, value: float | None) -> None:
        """Nothing to say yet."""
        self.state.finish_round(rounds, value)

    def trial_finished(self, result: TrialResult) -> None:
        """Number, status, values or reason, and what was changed."""
        self.state.finish_trial(result)
        self.line(trial_text(self.state, result))

    def tournament_progress(self, standings: list[Standing], done: int, most: int) -> None:
        """Every finalist's ratio so far."""
        self.state.rank(standings, done, most)
        ranks = ", ".join(f"trial {s.number} {standing_text(s)}" for s in standings)
        settled = "proven, finalists among themselves: " if self.state.settled else ""
        self.line(f"tournament {done}/{most}  {settled}{ranks or 'no finalist'}")

    def notice(self, text: str) -> None:
        """One line."""
        self.state.tell(text)
        self.line(f"note: {text}")

    def study_finished(self, outcome: Outcome) -> None:
        """The verdict, default against winner, and what to type next."""
        for line in summary_lines(self.state.info, outcome, self.state.just_told):
            self.line(line)

    def close(self) -> None:
        """Leave the stream as it was found; may be called at any time and more than once."""

    def line(self, text: str) -> None:
        """Write one line now."""
        if self._gone:
            return
        try:
            try:
                self._stream.write(text + "\n")
            except UnicodeEncodeError as error:
                self._stream.write(text.encode(error.encoding, "replace").decode(error.encoding) + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: the stream was closed
            self._gone = True


def standing_text(standing: Standing) -> str:
    """The ratio and its interval; nothing can be said before there is an interval."""
    return "…" if standing.ci95 is None else ratio_text(standing.ratio, standing.ci95)


def start_text(info: StudyInfo) -> str:
    """What is searched, and within which budget."""
    limits = [f"{info.budget_trials} trials"] * (info.budget_trials > 0)
    limits += [f"{info.budget_minutes:g} min"] * (info.budget_minutes > 0)
    resumed = f" · resumes after {counted(len(info.finished))}" if info.finished else ""
    budget = f" · at most {' or '.join(limits)}" if limits else ""
    return (
        f"{info.task} · {info.engine} · {info.model} · {', '.join(info.objectives)}{budget}{resumed} · {info.directory}"
    )


def trial_text(state: StudyProgress, result: TrialResult) -> str:
    """One trial on one line."""
    head = f"trial {result.number:3d}  {status_text(result):<{STATUS_WIDTH}}"
    return f"{head}  {state.verdict_text(result) or '—'}  [{state.label(result.params)}]"
