from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from search_spaces.errors import EnvironmentLackingError, TunerError
from tests.tuner.records import write_results
from tests.tuner.synthetic import (
    BASELINE,
    OBJECTIVE,
    TRIALS,
    deploy,
    failed,
    measured,
    study_document,
    tournament,
    undecided,
    write_study,
)
from tuner.core.deploy import DeployedBaseline, Gain
from tuner.core.study_document import StudyWorkload
from tuner.core.targets import TargetVerdict
from tuner.core.trial import TrialResult, TrialStatus
from tuner.results.report import write_report
from tuner.results.report.contents import verdict
from tuner.results.report.markdown import escaped
from tuner.results.report.study_files import StudyFiles, read_study
from tuner.results.study_store import StudyStore
from tuner.results.wording import workload_text


class Page(HTMLParser):
    """Tags, their balance, and the rows of tables as text."""

    VOID = frozenset({"meta", "wbr", "br", "line", "circle", "polyline", "polygon", "path", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.urls: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.urls += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if any(tag in ("td", "th") for tag in self._open):
            self.rows[-1][-1] += data

    def row(self, first: str) -> list[str]:
        return next(row for row in self.rows if row and row[0] == first)


def html_of(folder: Path) -> str:
    write_report(folder)
    return (folder / "report.html").read_text(encoding="utf-8")


def test_writes_a_page_a_markdown_and_plots(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    written = write_report(folder)
    assert {str(path.relative_to(folder)) for path in written} == {
        "report.html", "report.md", "trials.csv", "plots/history.svg", "plots/tournament.svg",
        "plots/trade-off-kld.svg", "plots/trade-off-rss_peak_mib.svg",
    }  # fmt: skip
    assert all(path.stat().st_size > 0 for path in written)
    assert [f.name for f in folder.glob("**/.*")] == [".journal.log.lock"], "no temporary file is left"


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    text = html_of(write_study(tmp_path / "study"))
    page = Page(text)
    assert page.urls == []
    assert not re.search(r"(?:https?:)?//(?!www\.w3\.org/2000/svg)\w", text)
    assert "url(" not in text
    assert "@import" not in text


def test_the_answer_comes_first(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    text = html_of(folder)
    assert text.index("Trial 5 is 1.75 times as good as the default.") < text.index("Default against winner")
    assert "×1.750 (1.710–1.790) of the default" in text
    assert 'class="verdict good"' in text


def test_beside_the_objective_quality_stands_first() -> None:
    figures = verdict(StudyFiles(Path(), study_document(), TRIALS, tournament(), deploy())).figures
    assert [name for name, *_ in figures] == [OBJECTIVE, "kld", "ftl_ms", "rss_peak_mib"]


def test_the_build_is_told_without_the_advice_on_it(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    engine = {**study_document().engine, "unused": "AVX-512 is not used", "rebuild": "pip install x"}
    StudyStore(folder).write("study.yaml", study_document(engine=engine))
    told = Page(html_of(folder)).row("engine")[1]
    assert told
    assert "AVX" not in told
    assert "pip" not in told


def test_what_was_held_out_is_told_and_where_a_model_is_from_once(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    workload = StudyWorkload("chat", "0123", 3, "4567", 4)
    model = replace(study_document().model, name="embedded llama-160m", source="embedded")
    StudyStore(folder).write("study.yaml", study_document(workload=workload, model=model))
    page = Page(html_of(folder))
    assert page.row("model")[1] == "embedded llama-160m, 77aa"
    told = "chat: searched on 3 items (digest 0123), proven on 4 held out (digest 4567)"
    assert page.row("workload")[1] == told
    assert workload_text(replace(workload, held_out_items=0)).endswith(", nothing held out for the proof")


@pytest.mark.parametrize(
    ("noise", "told"),
    [
        ({"steal_cores": 6.6e-16, "throttled_share": 0.0, "cpu_mhz": 2000.0}, "no round was disturbed (of single tr"),
        ({"others_cores": 0.004}, "no round was disturbed"),
        ({"disturbed_share": 0.5, "others_cores": 0.4}, "others on this machine disturbed 10 of 20 rounds: "),
    ],
)
def test_the_noise_is_a_sentence_and_what_is_next_to_nothing_is_left_out(
    tmp_path: Path, noise: dict[str, float], told: str
) -> None:
    trials = tuple(replace(t, host_noise={"rounds": 4.0, **noise} if t.host_noise else {}) for t in TRIALS)
    row = Page(html_of(write_study(tmp_path / "study", trials))).row("noise")[1]
    assert row.startswith(told)
    assert "e-" not in row
    assert "throttled_share" not in row
    assert ("cpu_mhz down to 2000" in row) == ("cpu_mhz" in noise)


def test_default_against_winner_has_intervals_and_the_tournaments_gain(tmp_path: Path) -> None:
    page = Page(html_of(write_study(tmp_path / "study")))
    assert page.row(OBJECTIVE) == [OBJECTIVE, "100 ± 2.0 tok/s", "180 ± 3.6 tok/s", "×1.75"]
    assert page.row("ftl_ms")[3] == "×1.80"
    assert page.row("kld") == ["kld", "0 nat", "0.0100 nat", ""]
    assert page.row("quantization") == ["quantization", "F16", "Q6_K"]


def test_the_tournament_is_told_with_who_could_not_win(tmp_path: Path) -> None:
    folder, played = write_study(tmp_path / "study"), tournament()
    assert "8 interleaved pairs, 1 disturbed rounds run again; paired test" in html_of(folder)
    first, second = played.finalists
    finalists = replace(first, breaks="ftl_ms 204 > 200"), replace(second, failure="signal SIGSEGV")
    blocks = (*played.blocks, *[(None, 175.0, 145.0)] * 4)
    StudyStore(folder).write("tournament.json", tournament(blocks=blocks, finalists=finalists))
    text = html_of(folder)
    assert "8 interleaved pairs with the default, 4 more rounds between finalists" in text
    assert "the intervals hold for all finalists at once" in text
    assert "trial 5 breaks a limit: ftl_ms 204 &gt; 200" in text
    assert "trial 1 failed: signal SIGSEGV" in text


def test_targets_say_what_is_missing(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    targets = (
        TargetVerdict("ftl_ms", 30.0, 45.0, False, 1.5, "< 30 ms", "ms", "say"),
        TargetVerdict(OBJECTIVE, 60.0, 180.0, True, None, "> 60 tok/s"),
        TargetVerdict("itl_ms_p95", None, None, None, None),
        TargetVerdict("response_s", None, 1.0, None, None, "−30 %"),
    )
    StudyStore(folder).write("deploy.json", deploy(targets=targets))
    rows = Page(html_of(folder)).rows
    assert ["ftl_ms", "< 30 ms", "45.0 ms", "missed by ×1.50", "say"] in rows
    assert [OBJECTIVE, "> 60 tok/s", "180 tok/s", "met", ""] in rows
    assert ["itl_ms_p95", "—", "—", "not measured", ""] in rows
    assert ["response_s", "−30 %", "1.00 s", "no default to compare with", ""] in rows


def test_every_trial_is_in_the_table_with_its_reason(tmp_path: Path) -> None:
    page = Page(html_of(write_study(tmp_path / "study")))
    rows = {row[0]: row for row in page.rows if row and row[0].isdecimal()}
    assert list(rows) == [str(trial.number) for trial in TRIALS]
    assert rows["2"][1] == "crashed"
    assert rows["2"][-1] == "killed by signal 11; last line: <b>assert</b> & co"
    assert rows["3"][1] == "over limit"
    assert rows["6"][1] == "pruned"
    assert rows["5"][-2] == "quantization=Q6_K flash_attn=on"


def test_numbers_are_sorted_as_numbers(tmp_path: Path) -> None:
    text = html_of(write_study(tmp_path / "study"))
    assert 'data-key="180.0"' in text
    assert '<tr class=marked><td class=number data-key="5.0">5</td>' in text


EVIL = "</td><script>alert('x')</script><img src=x onerror=alert(1)> `|` *b* [l](javascript:x) \n# h &amp; \"q\""


def test_nothing_from_a_study_becomes_markup(tmp_path: Path) -> None:
    trials = (
        measured(0, 100.0),
        failed(1, TrialStatus.CRASHED, EVIL, quantization=EVIL),
        replace(measured(2, 120.0), reason=EVIL),
    )
    folder = write_study(tmp_path / "study", trials, decided=False)
    model = replace(study_document().model, name=EVIL)
    StudyStore(folder).write("study.yaml", study_document(name=EVIL, model=model))
    text = html_of(folder)
    page = Page(text)
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert page.row("1")[-1] == EVIL
    markdown = (folder / "report.md").read_text()
    assert "<script" not in markdown
    assert "<img" not in markdown
    table = [line for line in markdown.splitlines() if line.startswith("| 1 |")]
    assert len(table) == 1
    assert len(re.findall(r"(?<!\\)\|", table[0])) == len(
        re.findall(r"(?<!\\)\|", next(line for line in markdown.splitlines() if line.startswith("| trial |")))
    )


def test_markdown_escapes_what_it_would_take_as_markup() -> None:
    assert escaped("a|b_c*d`e <f>\n& [g]") == r"a\|b\_c\*d\`e &lt;f&gt; &amp; \[g\]"


def test_a_study_without_a_verdict_says_so(tmp_path: Path) -> None:
    text = html_of(write_study(tmp_path / "study", decided=False))
    assert "Not decided yet: 8 trials, best so far: trial 5" in text
    assert "Default against winner" not in text


def test_a_study_without_trials_can_be_reported(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", (), decided=False)
    assert "Not decided yet: 0 trials, no feasible trial yet" in html_of(folder)


def test_keeping_the_default_is_an_answer(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    kept = tournament(verdict="keep_default", winner=0, summary="keep the default: no gain")
    StudyStore(folder).write("tournament.json", kept)
    gain = Gain(OBJECTIVE, 1.0, None, None, 8, significant=False)
    StudyStore(folder).write("deploy.json", deploy(params=dict(BASELINE), gain=gain))
    text = html_of(folder)
    assert "Keep the default: no gain." in text
    assert "Change nothing: an export only writes the default down." in text
    assert 'class="verdict plain"' in text
    assert "Changed knobs" not in text
    assert "Default against winner" not in text
    assert Page(text).row(OBJECTIVE) == [OBJECTIVE, "180 ± 3.6 tok/s"], "one column is enough"


def test_no_feasible_configuration_is_an_answer(tmp_path: Path) -> None:
    trials = (failed(0, TrialStatus.OUT_OF_MEMORY, "needs 40 GiB"), failed(1, TrialStatus.CRASHED, "no"))
    folder = write_study(tmp_path / "study", trials, decided=False)
    summary = "no feasible configuration among 2 trials"
    StudyStore(folder).write("tournament.json", undecided("no_feasible", summary))
    text = html_of(folder)
    assert "No feasible configuration among 2 trials." in text
    assert 'class="verdict bad"' in text


def test_a_default_that_does_not_run_leaves_nothing_to_compare(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    gain = Gain(OBJECTIVE, None, None, None, 0, significant=True)
    alone = deploy(baseline=DeployedBaseline(dict(BASELINE), {}), gain=gain)
    StudyStore(folder).write("deploy.json", alone)
    text = html_of(folder)
    assert "the default does not run here" in text
    assert Page(text).row(OBJECTIVE)[1:] == ["—", "180 ± 3.6 tok/s", ""]


def test_a_line_that_is_being_written_does_not_count(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    with (folder / "journal.log").open("a") as lines:
        lines.write('{"op_code": 4, "wor')
    before = (folder / "journal.log").read_bytes()
    assert "All 8 trials" in html_of(folder)
    assert (folder / "journal.log").read_bytes() == before


@pytest.mark.parametrize("name", ["deploy.json", "tournament.json", "study.yaml"])
def test_a_document_of_another_form_is_told_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    folder = write_study(tmp_path / "study")
    (folder / name).write_text('{"format": 0}')
    with pytest.raises(TunerError, match=rf"unknown key in '.*{name}': 'format'") as caught:
        write_report(folder)
    assert "sweep again" in caught.value.hint
    assert not (folder / "report.html").exists()


def test_a_study_of_the_first_format_is_told(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    (folder / "trials.jsonl").touch()
    with pytest.raises(TunerError, match="of an earlier format"):
        write_report(folder)


def test_no_study_is_told(tmp_path: Path) -> None:
    with pytest.raises(TunerError, match="holds no study"):
        write_report(tmp_path)


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_study(tmp_path / "study")

    def full(*args: object, **kwargs: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(EnvironmentLackingError, match="No space left on device"):
        write_report(folder)


def test_writing_again_replaces(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    assert html_of(folder) == html_of(folder)


def test_many_trials_are_reported_quickly(tmp_path: Path) -> None:
    trials: tuple[TrialResult, ...] = tuple(measured(n, 100.0 + n % 37, flash_attn=n % 2 == 0) for n in range(1000))
    page = Page(html_of(write_study(tmp_path / "study", trials, decided=False)))
    assert len([row for row in page.rows if row and row[0].isdecimal()]) == 1000


def test_the_time_of_measuring_again_counts(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    in_trials = Page(html_of(folder)).row("time")[1]
    assert "again" not in in_trials
    known = read_study(folder)
    again = [
        replace(known.trials[5], number=8 + n, purpose="repeat", repeat_of=5, wall_s=s)
        for n, s in enumerate((50.0, 40.0))
    ]
    write_results(folder, known.about.record, again, OBJECTIVE)
    assert Page(html_of(folder)).row("time")[1] == f"{in_trials}; 1 min 30 s measuring promising ones again, 2 times"
