import pytest

from search_spaces.errors import TunerError
from search_spaces.strict_yaml import load_yaml
from tuner.cli.config.hydra_files import group_names
from tuner.core.documents import dump, load
from tuner.core.metrics import metrics_of
from tuner.core.targets import TargetPreset, judge, read_targets
from tuner.core.trial import MetricValue


def preset(name):
    from importlib.resources import files

    text = (files("conf") / "targets" / f"{name}.yaml").read_text(encoding="utf-8")
    return read_targets(load_yaml(text, name), name)


def verdicts(name, task, metrics, baseline=None, workload=""):
    rows = judge(preset(name).concerning(task, workload).targets, metrics, baseline)
    return {(row.metric, row.wanted): row for row in rows}


def one(document, metrics, baseline=None):
    preset = read_targets({"targets": [{"task": "llm", **document}]}, "t")
    return judge(preset.targets, metrics, baseline)[0]


# --- the tables that the four systems published about themselves ------------------------------------------------------


def test_jane_measured_6_56_tokens_per_second_against_60_to_120():
    row = verdicts("jane", "llm", {"decode_tokens_per_second": 6.56})["decode_tokens_per_second", "60–120 tok/s"]
    assert row.met is False
    assert row.gap == pytest.approx(9.1, abs=0.05)
    assert (row.value, row.unit) == (6.56, "tok/s")


def test_jane_synthesizes_in_0_76_s_against_2_s():
    assert verdicts("jane", "tts", {"synthesis_s": 0.76})["synthesis_s", "< 2 s"].met is True


def test_jane_turn_takes_32_22_s_against_5_s():
    row = verdicts("jane", "pipeline", {"turn_s": 32.22})["turn_s", "< 5 s"]
    assert row.met is False
    assert row.gap == pytest.approx(6.44, abs=0.01)


def test_jane_transcription_was_not_measured():
    row = verdicts("jane", "stt", {})["latency_ms", "< 500 ms"]
    assert (row.value, row.met, row.gap) == (None, None, None)


def test_jane_first_token_after_45_s_against_1_s():
    row = verdicts("jane", "llm", {"ftl_ms": 45340.0})["ftl_ms", "< 1000 ms"]
    assert row.gap == pytest.approx(45.34)


def test_cosyvoice_gaps_are_those_of_its_report():
    rows = verdicts("cosyvoice", "tts", {"rtf": 3.769, "ftl_ms": 2476.0, "vram_peak_mib": 3.29 * 1024})
    gaps = {metric: row.gap for (metric, _), row in rows.items()}
    assert gaps["rtf"] == pytest.approx(3.77, abs=0.005)
    assert gaps["ftl_ms"] == pytest.approx(5, abs=0.05)
    assert gaps["vram_peak_mib"] == pytest.approx(1.6, abs=0.05)
    assert not any(row.met for row in rows.values())


def test_call_pipeline_wants_20_percent_off_the_response_at_no_worse_quality():
    key = ("response_s", "−20 % (perplexity no worse)")
    baseline = {"response_s": 1.0, "perplexity": 10.0}
    assert verdicts("call_pipeline", "llm", {"response_s": 0.8, "perplexity": 10.0}, baseline)[key].met is True
    assert verdicts("call_pipeline", "llm", {"response_s": 0.8, "perplexity": 10.5}, baseline)[key].met is False
    slow = verdicts("call_pipeline", "llm", {"response_s": 0.88, "perplexity": 10.0}, baseline)[key]
    assert slow.met is False
    assert slow.gap == pytest.approx(1.1)


def test_call_pipeline_wants_30_percent_off_whisper_and_25_percent_off_the_turn():
    whisper = verdicts("call_pipeline", "stt", {"latency_ms": 140.0, "wer": 0.03}, {"latency_ms": 200.0, "wer": 0.03})
    assert whisper["latency_ms", "−30 % (wer no worse)"].met is True
    turn = verdicts(
        "call_pipeline",
        "pipeline",
        {"turn_first_audio_ms": 1500.0, "task_accuracy": 0.9},
        {"turn_first_audio_ms": 1900.0, "task_accuracy": 0.9},
    )
    assert turn["turn_first_audio_ms", "−25 % (task_accuracy no worse)"].met is False


def test_call_pipeline_kokoro_keeps_its_real_time_factor():
    key = ("rtf", "0.1–0.5")
    assert verdicts("call_pipeline", "tts", {"rtf": 0.594})[key].met is False
    assert verdicts("call_pipeline", "tts", {"rtf": 0.142})[key].met is True


def test_autovoice_conversion_is_judged_on_its_own_workload_only():
    assert set(verdicts("autovoice", "tts", {"rtf": 0.5})) == {("rtf", "< 0.1"), ("f0_rmse_hz", "< 10 Hz")}
    conversion = verdicts("autovoice", "tts", {"rtf": 1.0}, workload="voice_conversion")
    assert conversion["rtf", "≤ 1"].met is True


@pytest.mark.parametrize("name", group_names("targets"))
def test_every_preset_is_sound(name):
    for target in preset(name).targets:
        assert target.source, "a target must say where it comes from"
        assert target.metric in metrics_of(target.task)


# --- the rules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "value", "met"),
    [
        ({"metric": "ftl_ms", "below": 100}, 99.9, True),
        ({"metric": "ftl_ms", "below": 100}, 100, False),
        ({"metric": "ftl_ms", "at_most": 100}, 100, True),
        ({"metric": "decode_tokens_per_second", "above": 100}, 100, False),
        ({"metric": "decode_tokens_per_second", "at_least": 100}, 100, True),
        ({"metric": "decode_tokens_per_second", "between": [60, 120]}, 59.9, False),
        ({"metric": "decode_tokens_per_second", "between": [60, 120]}, 60, True),
        ({"metric": "decode_tokens_per_second", "between": [60, 120]}, 500, True),
        ({"metric": "ftl_ms", "between": [60, 120]}, 120.1, False),
        ({"metric": "ftl_ms", "between": [60, 120]}, 10, True),
    ],
)
def test_limits(limit, value, met):
    row = one(limit, {limit["metric"]: value})
    assert row.met is met
    assert (row.gap is None) is met


def test_an_increase_is_against_the_baseline():
    target = {"metric": "decode_tokens_per_second", "increase_by": 0.5}
    assert one(target, {"decode_tokens_per_second": 15}, {"decode_tokens_per_second": 10}).met is True
    missed = one(target, {"decode_tokens_per_second": 12}, {"decode_tokens_per_second": 10})
    assert missed.gap == pytest.approx(15 / 12)
    assert (missed.target, missed.wanted) == (pytest.approx(15), "+50 %")


def test_a_relative_target_without_a_baseline_is_open():
    row = one({"metric": "ftl_ms", "reduce_by": 0.3}, {"ftl_ms": 5})
    assert (row.value, row.target, row.met, row.gap) == (5, None, None, None)


def test_quality_that_was_not_measured_leaves_the_target_open():
    row = one({"metric": "ftl_ms", "reduce_by": 0.3, "no_worse": ["kld"]}, {"ftl_ms": 5}, {"ftl_ms": 10})
    assert row.met is None


def test_a_missed_target_is_missed_whatever_the_quality():
    row = one({"metric": "ftl_ms", "reduce_by": 0.3, "no_worse": ["kld"]}, {"ftl_ms": 9}, {"ftl_ms": 10})
    assert row.met is False


def test_measured_values_may_carry_their_interval():
    row = one({"metric": "ftl_ms", "below": 10}, {"ftl_ms": MetricValue(20.0, (19.0, 21.0), "ms")})
    assert row.gap == pytest.approx(2)
    assert row.ci95 == (19.0, 21.0)


@pytest.mark.parametrize("value", [9.0, 20.0])
def test_where_the_interval_holds_the_target_nothing_is_said_of_it(value):
    row = one({"metric": "ftl_ms", "below": 10}, {"ftl_ms": MetricValue(value, (0.1, 4000.0), "ms")})
    assert (row.met, row.gap, row.too_noisy) == (None, None, True)


def test_no_factor_mends_a_value_of_zero():
    assert one({"metric": "decode_tokens_per_second", "above": 10}, {"decode_tokens_per_second": 0}).gap is None


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"task": "llm", "metric": "ftl_ms"}, "targets 't'.targets[0]: has no limit"),
        ({"task": "llm", "metric": "ftl_ms", "below": 1, "above": 2}, "targets 't'.targets[0]: has below and above"),
        ({"task": "llm", "metric": "ftl_ms", "under": 1}, "unknown key in targets 't'.targets[0]: 'under'"),
        ({"task": "llm", "metric": "ftl", "below": 1}, "targets 't'.targets[0]: unknown metric of 'llm' 'ftl'"),
        ({"task": "llm", "metric": "rtf", "below": 1}, "targets 't'.targets[0]: unknown metric of 'llm' 'rtf'"),
        ({"metric": "rtf", "below": 1}, "targets 't'.targets[0]: key 'task' is missing"),
        (
            {"task": "llm", "metric": "ftl_ms", "below": "1s"},
            "targets 't'.targets[0].below: a number is needed, not '1s'",
        ),
        (
            {"task": "llm", "metric": "ftl_ms", "below": True},
            "targets 't'.targets[0].below: a number is needed, not True",
        ),
        ({"task": "llm", "metric": "ftl_ms", "between": [2, 1]}, "targets 't'.targets[0].between: [2.0, 1.0] is empty"),
        ({"task": "llm", "metric": "ftl_ms", "between": 3}, "targets 't'.targets[0].between: a list is needed, not 3"),
        (
            {"task": "llm", "metric": "ftl_ms", "reduce_by": 0.2, "no_worse": ["quality"]},
            "targets 't'.targets[0]: unknown metric of 'llm' 'quality'",
        ),
        ("ftl_ms < 3", "targets 't'.targets[0]: a mapping is needed, not 'ftl_ms < 3'"),
    ],
)
def test_unsound_targets_are_refused(entry, message):
    with pytest.raises(TunerError) as raised:
        read_targets({"targets": [entry]}, "t")
    assert raised.value.message == message
    assert raised.value.hint


def test_a_preset_is_written_down_and_read_back():
    jane = preset("jane").concerning("llm", "")
    document = dump(jane, sparse=True)
    assert document["targets"][1] == {
        "task": "llm", "metric": "ftl_ms", "below": 1000.0, "source": "First token latency: <1s"
    }  # fmt: skip
    assert load(TargetPreset, document) == jane
