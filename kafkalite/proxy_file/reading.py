"""Read the file of a proxy, a TOML file.

Its tables are ``[proxy]``, ``[listener]`` with broker properties of Kafka, ``[upstream]`` with properties of its
clients, ``[[interceptor]]`` and ``[[fault]]``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kafkalite.config.options import OptionError, made_from
from kafkalite.config.proxy_listener import is_listener_property
from kafkalite.config.setting import Setting, flatten, text_of
from kafkalite.config.toml_file import check_keys, mistake, read, table_of, tables_of
from kafkalite.config.upstream import UPSTREAM_PROPERTIES
from kafkalite.controls.faults.file import FAULTS, faults_of
from kafkalite.interceptors.kinds import OwnFiles, interceptor_class
from kafkalite.proxy_file.proxy_table import ProxyTable

if TYPE_CHECKING:
    from pathlib import Path

    from kafkalite.config.toml_file import TomlFile
    from kafkalite.controls.faults.fault import Fault
    from kafkalite.interceptors.interface import MessageInterceptor

_PROXY: Final = "proxy"
_LISTENER: Final = "listener"
_UPSTREAM: Final = "upstream"
_INTERCEPTORS: Final = "interceptor"


@dataclass(frozen=True, slots=True)
class ConfiguredInterceptor:
    """One table ``[[interceptor]]``: its class and options, and what was made of them."""

    type: type[MessageInterceptor]
    options: Mapping[str, Any]
    made: MessageInterceptor = field(compare=False)


@dataclass(frozen=True, slots=True)
class ProxyFile:
    """What a file says."""

    proxy: ProxyTable
    interceptors: tuple[ConfiguredInterceptor, ...]
    faults: tuple[Fault, ...]
    place: TomlFile = field(compare=False, repr=False)
    listener: Mapping[str, Setting] = field(default_factory=dict[str, "Setting"], repr=False)
    """Broker properties that protect and limit the listeners."""
    upstream: Mapping[str, Setting] = field(default_factory=dict[str, "Setting"], repr=False)
    """Client properties of the connections to the cluster."""


def read_proxy_file(path: Path, own_files: OwnFiles | None = None) -> ProxyFile:
    """Read a file, and make its interceptors. Raises TomlError, which names line and key.

    ``own_files`` are users' own interceptors that have been read before.
    """
    file = read(path)
    tables = (_PROXY, _LISTENER, _UPSTREAM, _INTERCEPTORS, FAULTS)
    check_keys(file, tables, "tables are [proxy], [listener], [upstream], [[interceptor]] and [[fault]]")
    return ProxyFile(
        proxy=_made(file, ProxyTable, table_of(file, _PROXY), _PROXY),
        interceptors=tuple(_interceptors(file, OwnFiles() if own_files is None else own_files)),
        faults=tuple(faults_of(file)),
        place=file,
        listener=_settings(file, _LISTENER, is_listener_property),
        upstream=_settings(file, _UPSTREAM, UPSTREAM_PROPERTIES.__contains__),
    )


def _settings(file: TomlFile, table: str, is_known: Callable[[str], bool]) -> dict[str, Setting]:
    """Return the properties of a table, whose names are keys with dots, in quotes or not."""
    found: dict[str, Setting] = {}
    for keys, value in flatten(table_of(file, table)):
        name, origin = ".".join(keys), file.place(table, *keys)
        if not is_known(name):
            raise mistake(file, f"{name} has no effect in [{table}]", table, *keys)
        found[name] = Setting(name, text_of(value, name, origin), origin)
    return found


def _interceptors(file: TomlFile, own_files: OwnFiles) -> list[ConfiguredInterceptor]:
    found: list[ConfiguredInterceptor] = []
    for number, table in enumerate(tables_of(file, _INTERCEPTORS, "interceptor")):
        steps = (_INTERCEPTORS, number)
        kind = table.get("type")
        if not isinstance(kind, str):
            problem = "the key type is missing" if kind is None else f"type: must be a string, and is {kind!r}"
            raise mistake(file, problem, *steps, *(["type"] if "type" in table else []))
        try:
            declared = interceptor_class(kind, file.path.parent, own_files)
        except OptionError as error:
            raise mistake(file, str(error), *steps, error.key) from None
        options = {key: value for key, value in table.items() if key != "type"}
        found.append(ConfiguredInterceptor(declared, options, _made(file, declared, options, *steps)))
    return found


def _made(file: TomlFile, declared: type[Any], table: Mapping[str, object], *steps: str | int) -> Any:
    try:
        return made_from(declared, table, file.path.parent)
    except OptionError as error:
        raise mistake(file, str(error), *steps, *([error.key] if error.key in table else [])) from None
