"""The interceptors that come with kafkalite, by the name that a file calls them, and those of a user's own files."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final, cast

from kafkalite.config.options import OptionError
from kafkalite.interceptors.interface import MessageInterceptor

KINDS: Final = {
    "check-records": ("checked_records", "CheckedRecords"),
    "deny-apis": ("denied_apis", "DeniedApis"),
    "quotas": ("client_quotas", "Quotas"),
    "rate-limit": ("rate_limits", "RateLimit"),
    "read-only": ("read_only", "ReadOnly"),
    "rename-topics": ("renamed_topics", "RenamedTopics"),
    "stamp-headers": ("stamped_headers", "StampedHeaders"),
    "tenant": ("tenant", "Tenant"),
}
"""By name, the module and class; imported when used."""

_OWN: Final = ".py:"


class OwnFiles:
    """The classes of users' own files; a file that has not changed is not executed again."""

    def __init__(self) -> None:
        self._modules: dict[Path, tuple[bytes, ModuleType]] = {}

    def class_of(self, path: Path, name: str) -> type[MessageInterceptor]:
        """Return a class of a file. Raises OptionError."""
        found = getattr(self._module(path), name, None)
        if not (isinstance(found, type) and issubclass(found, MessageInterceptor)):
            raise OptionError("type", f"{path} has no subclass {name} of kafkalite.interceptors.MessageInterceptor")
        return found

    def _module(self, path: Path) -> ModuleType:
        try:
            source = path.read_bytes()
        except OSError as error:
            raise OptionError("type", f"cannot read {path}: {error.strerror}") from None
        known = self._modules.get(path)
        if known is not None and known[0] == source:
            return known[1]
        module = ModuleType(f"kafkalite interceptors of {path}")
        module.__file__ = str(path)
        sys.modules[module.__name__] = module  # dataclasses look up there what annotations mean
        try:
            exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)  # noqa: S102  (the user's own)
        except Exception as error:  # noqa: BLE001  # with any exception the file cannot be used
            raise OptionError("type", f"{path} cannot be imported: {type(error).__name__}: {error}") from None
        self._modules[path] = (source, module)
        return module


def interceptor_class(kind: str, folder: Path, files: OwnFiles) -> type[MessageInterceptor]:
    """Return the class of a type: the name of one that comes with kafkalite, or ``FILE.py:CLASS``.

    A file is found from ``folder``. Raises OptionError.
    """
    if _OWN in kind:
        path, _, name = kind.rpartition(":")
        return files.class_of(folder / path, name)
    if kind not in KINDS:
        raise OptionError("type", f"there is no interceptor {kind!r}; types: {', '.join(KINDS)}, or FILE.py:CLASS")
    module, name = KINDS[kind]
    return cast("type[MessageInterceptor]", getattr(import_module(f"kafkalite.interceptors.{module}"), name))
