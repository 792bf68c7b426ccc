"""The arguments that several commands share."""

from __future__ import annotations

import argparse

DEFAULT_OUTPUTS = "outputs"
OVERRIDES_HELP = """\
OVERRIDE is KEY=VALUE in Hydra's syntax:
  engine=NAME                             another engine than the task's default; a wrong name lists them
  model=PATH.gguf | hf:ORG/REPO | '{Q4_K_M: a.gguf, Q6_K: b.gguf}' | embedded      model.shape=NAME
  model=smollm2-135m                      published weights: see python -m tuner models
  workload.prompts=FILE | workload.audio=FOLDER | workload.sentences=FILE      your own; workload=NAME: one that ships
  objective=METRIC | [METRIC,METRIC]      constraints.METRIC=LIMIT | null
  params.KNOB=VALUE                       fix a knob
  'space.KNOB=choice(1,2,4)'              search a knob over your values: choice, range (end excluded), interval,
                                          tag(log, …)
  baseline=library | stock | DEPLOY.json  baseline.KNOB=VALUE      what is to be beaten
  guards.METRIC=FACTOR | null             how many times worse a felt metric may be; guards=false for no guards
  budget=quick | default | quarter_hour | half_hour | thorough      budget.trials=N  budget.minutes=N
  targets=jane | autovoice | call_pipeline | FILE.yaml
  study=NAME  outputs=DIR  seed=N         tracking.uri=URI  tracking=false
  sampler=tuner | tpe | gp | random | nsgaii | brute_force | ablation
  storage=sqlite:///FILE | postgresql+psycopg://USER@HOST/NAME
METRIC is response_s, ftl_ms, decode_tokens_per_second, kld (llm); latency_ms, rtf, wer_increase (stt); ftl_ms, rtf,
mel_distance_db_worst (tts); rss_peak_mib; docs/metrics.md has all.
"""


def add_task(parser: argparse.ArgumentParser) -> None:
    """TASK and OVERRIDE…"""
    from engines.base import TASKS

    parser.add_argument("task", metavar="TASK", help=f"what to tune: {', '.join(TASKS)}")
    parser.add_argument("overrides", metavar="OVERRIDE", nargs="*", default=[], help="KEY=VALUE, see below")


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """--outputs DIR."""
    parser.add_argument(
        "--outputs", metavar="DIR", default=DEFAULT_OUTPUTS, help=f"where studies live (default: {DEFAULT_OUTPUTS})"
    )
