"""The table of trials for spreadsheets."""

import csv
import io
from dataclasses import replace

from tests.tuner.synthetic import TRIALS
from tuner.results.report.trials_csv import trials_csv


def test_every_trial_is_a_row_with_its_purpose_parameters_and_raw_values():
    repeat = replace(TRIALS[1], number=8, purpose="repeat", repeat_of=1, pace=0.9)
    rows = list(csv.DictReader(io.StringIO(trials_csv([*TRIALS, repeat]))))
    assert [row["trial"] for row in rows] == [str(n) for n in range(9)]
    assert rows[1]["params.flash_attn"] == "True"
    assert rows[1]["decode_tokens_per_second"] == rows[8]["decode_tokens_per_second"] == "150.0"
    assert (rows[8]["purpose"], rows[8]["repeat_of"], rows[8]["pace"]) == ("repeat", "1", "0.9")
    assert (rows[2]["status"], rows[2]["decode_tokens_per_second"]) == ("crashed", "")
    assert rows[2]["reason"] == TRIALS[2].reason


def test_no_trials_are_a_head():
    assert trials_csv([]).splitlines() == [
        "trial,purpose,repeat_of,status,feasible,started_at,wall_s,rounds,pace,reason"
    ]
