"""A space of ours as Optuna's parameters: which distributions a configuration has, with which values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from search_spaces.parameter import Params
from search_spaces.space import SearchSpace
from tuner.search.optuna_trials import distribution, within_ranges

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class Translation(Protocol):
    """Between configurations of `space` and Optuna's parameters."""

    @property
    def space(self) -> SearchSpace:
        """What is searched."""

    def read(self, values: Mapping[str, Any]) -> Params:
        """The configuration that Optuna's parameters are."""

    def holds(self, params: Params) -> bool:
        """Whether a trial of this configuration is to be gone by."""

    def values(self, params: Params) -> dict[str, Any]:
        """Optuna's parameters of a configuration: those that are active and searched."""

    def distributions(self, params: Params) -> dict[str, BaseDistribution]:
        """The distributions of these parameters."""


class KnownSpace:
    """A space whose knobs are suggested by `optuna_trials.suggest`."""

    def __init__(self, space: SearchSpace) -> None:
        self.space = space

    def read(self, values: Mapping[str, Any]) -> Params:
        """Canonical; knobs that were not suggested have their fixed values and defaults."""
        return self.space.canonical({k.name: values[k.name] for k in self.space.parameters if k.name in values})

    def holds(self, params: Params) -> bool:
        """Always: the baseline may lie outside of the ranges."""
        return True

    def values(self, params: Params) -> dict[str, Any]:
        """The searched knobs within their ranges."""
        return dict(within_ranges(self.space, params))

    def distributions(self, params: Params) -> dict[str, BaseDistribution]:
        """Of these knobs."""
        return {name: distribution(self.space.parameter(name)) for name in within_ranges(self.space, params)}
