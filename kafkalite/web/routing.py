"""Routes: a method and a path, what they take, and the function that answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl, unquote

from kafkalite.web.answers import BadInput, Refused
from kafkalite.web.inputs import parse_object, read

if TYPE_CHECKING:
    from kafkalite.testing import Handle
    from kafkalite.web.json_values import Json

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One thing that can be asked for. Names in braces in ``path`` are fields of ``takes``."""

    method: str
    path: str
    takes: type
    says: str
    """What it does, in a sentence."""
    answer: Callable[[Handle, Mapping[str, object], Mapping[str, str]], Json]


def route(method: str, path: str, takes: type[T], act: Callable[[Handle, T], Json]) -> Route:
    """Declare a route whose function is given the dataclass ``takes``, made of path, query and body."""

    def answer(handle: Handle, body: Mapping[str, object], texts: Mapping[str, str]) -> Json:
        return act(handle, read(takes, body, texts))

    says = (act.__doc__ or "").strip().replace("\n   ", "")
    return Route(method=method, path=path, takes=takes, says=says, answer=answer)


def ask(routes: Iterable[Route], handle: Handle, method: str, target: str, body: bytes) -> Json:
    """Find the route and answer. Raises Refused, and whatever the handle raises."""
    path, _, query = target.partition("?")
    segments = [unquote(segment, errors="replace") for segment in path.split("/")]
    allowed: list[str] = []
    for candidate in routes:
        names = _match(candidate.path.split("/"), segments)
        if names is None:
            continue
        if candidate.method == method:
            return candidate.answer(handle, parse_object(body), _with_query(names, query))
        allowed.append(candidate.method)
    if not allowed:
        raise Refused(HTTPStatus.NOT_FOUND, f"there is nothing at {path}; GET / tells what there is")
    methods = ", ".join(sorted(allowed))
    raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} takes {methods}, not {method}", Allow=methods)


def _match(template: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    names: dict[str, str] = {}
    for wanted, segment in zip(template, segments, strict=True):
        if wanted.startswith("{"):
            names[wanted.strip("{}")] = segment
        elif wanted != segment:
            return None
    return names


def _with_query(names: dict[str, str], query: str) -> dict[str, str]:
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in names:
            raise BadInput(f"{name!r} is given twice")
        names[name] = value
    return names
