"""An engine put together from functions of its modules, so that its class only names them."""

from __future__ import annotations

from collections.abc import Callable

from engines.base import Capabilities, Engine, Metric, Model, ModelFile, Session, StockHere
from search_spaces.parameter import Params


class AssembledEngine(Engine):
    """A subclass assigns each part that the protocol asks for: `capabilities = staticmethod(capabilities)`.

    The type checker holds each part to the protocol, the conformance suite asks for all of them. Importing the parts'
    modules imports no library. Stateless.
    """

    default_for_task = False
    files: tuple[str, ...] = ()
    facts_kept: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = ()
    session: Callable[[Model, ModelFile, Params], Session]
    """*Worker.* Loads a file that is there."""

    def compiles_lazily(self, params: Params) -> bool:
        """Nothing is made when it is first met, unless a subclass says so."""
        return False

    def stock_here(self, model: Model, params: Params, capabilities: Capabilities) -> StockHere:
        """The same on every machine, unless a subclass says otherwise."""
        return StockHere()

    def open(self, model: Model, params: Params) -> Session:
        """*Worker.* Load; the file is made first where `prepare` was not called."""
        return self.session(model, self.prepare(model, params, lambda text: None), params)
