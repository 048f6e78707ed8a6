"""How a plugin file introduces itself: a name and a module path, so that discovery imports nothing heavy."""

from importlib import import_module
from typing import Any, final

from twisted.plugin import IPlugin
from zope.interface import implementer

from .errors import ConfigError
from .interfaces import ICheckMaker


@final
@implementer(IPlugin, ICheckMaker)
class CheckMaker:
    """Put one of these into a module of `twisted/plugins/`; the check itself is made by `make` in `module`."""

    def __init__(self, name: str, module: str, about: str) -> None:
        self.name = name
        self.module = module
        self.about = about

    def make(self, **options: Any) -> object:
        """The check, built by the module's `make(**options)`."""
        try:
            maker = import_module(self.module).make
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"the plugin '{self.name}' cannot be loaded: {error}; mend or remove its package"
            ) from error
        try:
            return maker(**options)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"the plugin '{self.name}' refuses its options: {error}") from error
