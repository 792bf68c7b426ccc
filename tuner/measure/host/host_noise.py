"""What else the machine did while a round ran, and whether that spoils the round."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tuner.measure.host.memory import device_processes
from tuner.measure.host.process_tree import is_within
from tuner.measure.host.slowdowns import cpu_mhz, device_clocks, pressure_seconds

OTHERS_LIMIT = 0.10
"""CPU time taken by others, in cores, above which a round on a full machine counts as disturbed."""
ROOM_SHARE = 0.25
"""A machine is full when less than this share of its cores was idle on average. That much is left because others work
in bursts, and because the second thread of a core is not a core."""
PRESSURE_LIMIT, PRESSING_LEAST = 0.10, 0.03
"""Share of a round in which something waited for a core, above which it counts as disturbed on a full machine where
others took at least so many cores. Who waits is not told: with more threads than cores it is the configuration's own,
so pressure beside no work of others means nothing."""
STEAL_LIMIT = 0.05
"""CPU time taken by the hypervisor, in cores, above which a round counts as disturbed."""
SUSPENDED_LIMIT_S = 0.05
"""Seconds that the clocks may differ by for reasons of their own."""
NEVER_QUIET = 0.5
"""Above this share of disturbed rounds there is no quiet to wait for."""
UNWATCHED = (
    "this system does not tell what other programs take of the CPU: disturbed rounds are not recognised, "
    "only the tournament's pairs guard against them"
)

_MAY_BE_UNKNOWN = ("pressure_share", "cpu_mhz", "device_mhz")
_STAT = Path("/proc/stat")
_CPU_STAT_FILES = ("/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpu/cpu.stat")


@dataclass(frozen=True)
class HostNoise:
    """One round's surroundings on the cores that this process may run on (its affinity).

    CPU shares are in cores: 0.5 is half a core for the whole round. `idle_share` is of all those cores.
    `throttled_share` is of the round's time, and so is `pressure_share`, in which something waited for a core. Clocks
    are those at the round's end, None where they are not told; `device_slowed` says that heat or the power supply holds
    a device back. The machine slept for `suspended_s` of the round. `watched` is false where the system does not tell
    what others take of the CPU (no /proc).
    """

    others_cores: float = 0.0
    idle_share: float = 0.0
    steal_cores: float = 0.0
    throttled_share: float = 0.0
    device_processes: int = 0
    pressure_share: float | None = None
    cpu_mhz: float | None = None
    device_mhz: float | None = None
    device_slowed: bool = False
    watched: bool = True
    suspended_s: float = 0.0

    @property
    def disturbed(self) -> bool:
        """Whether a round with this noise should be measured again.

        What others do beside idle cores takes nothing from the round. Neither does throttling by the control group's
        quota: more threads than the quota bears bring it about, so that it belongs to the configuration, is the same
        in each repetition, and is there in use.
        """
        pressing = (self.pressure_share or 0.0) > PRESSURE_LIMIT and self.others_cores > PRESSING_LEAST
        crowded = (self.others_cores > OTHERS_LIMIT or pressing) and self.idle_share < ROOM_SHARE
        held_up = self.suspended_s > SUSPENDED_LIMIT_S
        return held_up or crowded or self.steal_cores > STEAL_LIMIT or self.device_processes > 0 or self.device_slowed


class NoiseWatch:
    """Reads the system's counters when made and again at `stop`; the difference is the round's noise.

    Where the system has no such counters (no /proc, as on macOS), the CPU's parts are 0, none of them makes a round
    disturbed, and the noise says that it was not `watched`.
    """

    def __init__(self, worker_pid: int) -> None:
        self._worker_pid = worker_pid
        self._begin = time.monotonic()
        self._cpu = _cpu_seconds()
        self._own = time.process_time()
        self._throttled = _throttled_seconds()
        self._pressure = pressure_seconds()
        self._asleep_s = _asleep_seconds()

    def stop(self, worker_cpu_s: float) -> HostNoise:
        """The noise since the watch was made; `worker_cpu_s` is the CPU time in between of the worker and all below."""
        wall_s = max(time.monotonic() - self._begin, 1e-3)
        now = _cpu_seconds()
        busy_s, steal_s = now.busy - self._cpu.busy, now.steal - self._cpu.steal
        others_s = busy_s - worker_cpu_s - (time.process_time() - self._own)
        pressure_s, (device_mhz, device_slowed) = pressure_seconds(), device_clocks()
        waited_s = None if pressure_s is None or self._pressure is None else pressure_s - self._pressure
        return HostNoise(
            others_cores=max(0.0, others_s - _TICK_S) / wall_s,
            idle_share=max(0.0, 1 - (busy_s + steal_s) / (wall_s * now.cores)) if now.cores else 0.0,
            steal_cores=max(0.0, steal_s - _TICK_S) / wall_s,
            throttled_share=(_throttled_seconds() - self._throttled) / wall_s,
            device_processes=_foreign_device_processes(self._worker_pid),
            pressure_share=None if waited_s is None else min(1.0, waited_s / wall_s),
            cpu_mhz=cpu_mhz(),
            device_mhz=device_mhz,
            device_slowed=device_slowed,
            watched=now.cores > 0,
            suspended_s=max(0.0, _asleep_seconds() - self._asleep_s),
        )


def summary(rounds: Sequence[HostNoise]) -> Mapping[str, float]:
    """A trial's rounds in numbers: how many, the share that was disturbed and the mean of each part that is known."""
    if not rounds:
        return {}
    unwatched = sum(not r.watched for r in rounds)
    told = {part: [v for r in rounds if (v := getattr(r, part)) is not None] for part in _MAY_BE_UNKNOWN}
    return {
        "rounds": float(len(rounds)),
        "disturbed_share": sum(r.disturbed for r in rounds) / len(rounds),
        "others_cores": sum(r.others_cores for r in rounds) / len(rounds),
        "steal_cores": sum(r.steal_cores for r in rounds) / len(rounds),
        "throttled_share": sum(r.throttled_share for r in rounds) / len(rounds),
        "device_processes": float(max(r.device_processes for r in rounds)),
        "device_slowed_share": sum(r.device_slowed for r in rounds) / len(rounds),
        **{part: sum(values) / len(values) for part, values in told.items() if values},
        **({"unwatched_share": unwatched / len(rounds)} if unwatched else {}),
    }


def combined(summaries: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    """The summary of all rounds that `summaries` are of; {} without any."""
    told = [s for s in summaries if s.get("rounds")]
    if not told:
        return {}
    rounds = sum(s["rounds"] for s in told)
    mean = {}
    for name in dict.fromkeys(name for s in told for name in s):
        known = [s for s in told if name in s] if name in _MAY_BE_UNKNOWN else told
        mean[name] = sum(s["rounds"] * s.get(name, 0.0) for s in known) / sum(s["rounds"] for s in known)
    return {**mean, "rounds": rounds, "device_processes": max(s.get("device_processes", 0.0) for s in told)}


def noise_message(trials: Sequence[Mapping[str, float]]) -> str:
    """What the summaries of all trials and of the tournament come to, in a line for the user; "" when it was quiet.

    Of a trial that had quiet rounds too, the disturbed ones are left out of its figures.
    """
    rounds = sum(t.get("rounds", 0.0) for t in trials)
    disturbed, counting = (sum(t.get("rounds", 0.0) * share(t) for t in trials) for share in (_disturbed, _counting))
    if any(t.get("unwatched_share") for t in trials):
        return UNWATCHED
    if not disturbed:
        return ""
    line = f"others on this machine disturbed {disturbed:.0f} of {rounds:.0f} rounds"
    if disturbed / rounds > NEVER_QUIET:
        return f"{line}: it was never quiet for long, so only what a tournament proves counts"
    return f"{line}: {disturbed - counting:.0f} were left out of the figures, {counting:.0f} count in them"


def _disturbed(trial: Mapping[str, float]) -> float:
    return trial.get("disturbed_share", 0.0)


def _counting(trial: Mapping[str, float]) -> float:
    """The share of a summary's rounds that were disturbed and count all the same, because no others were quiet."""
    return min(_disturbed(trial), trial.get("used_disturbed_share", 1.0))


_TICK_S = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.0
"""The counters' resolution, which is taken off so that an idle machine reads as idle."""


@dataclass(frozen=True)
class _CpuSeconds:
    """CPU seconds since boot, summed over `cores`."""

    busy: float = 0.0
    steal: float = 0.0
    cores: int = 0


def _cpu_seconds() -> _CpuSeconds:
    """Of the cores in this process's affinity, from /proc/stat (proc(5)).

    The line that sums all cores up is exact to a tick, a sum over the lines of single cores is not: those are read
    only where the affinity leaves cores out.
    """
    try:
        lines = [line.split() for line in _STAT.read_text().splitlines() if line.startswith("cpu")]
        total, *single = [(line[0], [int(field) for field in line[1:9]]) for line in lines]
    except (OSError, ValueError):
        return _CpuSeconds()
    allowed = {f"cpu{number}" for number in os.sched_getaffinity(0)} if hasattr(os, "sched_getaffinity") else set()
    ours = [fields for name, fields in single if name in allowed]
    if not ours or len(ours) < len(allowed) or len(ours) == len(single):
        ours, cores = [total[1]], len(single)
    else:
        cores = len(ours)
    user, nice, system, _idle, _iowait, irq, softirq, steal = (sum(column) for column in zip(*ours, strict=True))
    return _CpuSeconds((user + nice + system + irq + softirq) * _TICK_S, steal * _TICK_S, cores)


def _foreign_device_processes(worker_pid: int) -> int:
    """How many processes on the devices are neither this one nor the worker, nor below one of the two.

    Inside a container the driver may give the host's numbers: those stand for no process here, and may be ours.
    """
    computing = device_processes()
    if not computing:
        return 0
    import psutil

    ours = (worker_pid, os.getpid())
    return sum(psutil.pid_exists(pid) and not any(is_within(pid, one) for one in ours) for pid in computing)


def _asleep_seconds() -> float:
    """Seconds since boot for which the machine was suspended: one clock goes on meanwhile, the other stands still.

    0 where the system has no such clock.
    """
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return 0.0 if boot is None else time.clock_gettime(boot) - time.clock_gettime(time.CLOCK_MONOTONIC)


def never_quiet(summaries: Sequence[Mapping[str, float]]) -> bool:
    """Whether most rounds so far were disturbed, so that there is no quiet to wait for."""
    return combined(summaries).get("disturbed_share", 0.0) > NEVER_QUIET


def _throttled_seconds() -> float:
    """Seconds for which the cgroup's CPU quota has held this process back (cgroup v2 in µs, v1 in ns)."""
    for file in _CPU_STAT_FILES:
        try:
            lines = dict(line.split() for line in Path(file).read_text().splitlines())
        except (OSError, ValueError):
            continue
        if "throttled_usec" in lines:
            return int(lines["throttled_usec"]) / 1e6
        if "throttled_time" in lines:
            return int(lines["throttled_time"]) / 1e9
    return 0.0
