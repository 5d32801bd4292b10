"""A control is one method: its signature, docstring and body are all there is to say about it.

The body runs in the event loop of a broker in this process. Everything else derives from the method: the HTTP route
(decorator, parameters, result type), the call of a remote client, the coroutine for tests in event loops, and the
documentation page. Calling the method goes through the subject's transport, which decides where the body runs.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, wraps
from inspect import BoundArguments, Parameter, Signature
from types import GenericAlias
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    TypeGuard,
    TypeVar,
    cast,
    get_type_hints,
    overload,
)

import trio

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from kafkalite.controls.local_broker import LocalBroker, LocalServer
    from kafkalite_storage.snapshots.directory_snapshot import DirectorySnapshot

S = TypeVar("S", contravariant=True)
K = TypeVar("K")
T = TypeVar("T")
P = ParamSpec("P")

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A control that has been called and has not returned. :meth:`cancel` ends it and its waits."""

    future: Future[T]
    cancel: Callable[[], None]

    def result(self) -> T:
        """Block until the control returns; an exception here, such as KeyboardInterrupt, cancels it."""
        try:
            return self.future.result()
        except BaseException:
            self.cancel()
            raise

    async def wait(self) -> T:
        """Await the result in asyncio or trio; cancellation cancels the control."""
        try:
            await _done(self.future)
            return self.future.result(timeout=0)
        except BaseException:
            self.cancel()
            raise


def _has_route(member: Any) -> TypeGuard[Control[..., Any]]:
    return isinstance(member, Control) and bool(member.path)


class Routes:
    """The controls that have a route, of a root and of the subjects that are its attributes.

    ``subjects`` maps each class to its attribute of the root, in the order of the documentation; the root's own is "".
    """

    def __init__(self, subjects: Mapping[type[Subject], str]) -> None:
        self._subjects = subjects
        members: Iterator[Any] = (each for subject in subjects for each in vars(subject).values())
        self._controls = tuple(each for each in members if _has_route(each))

    def __iter__(self) -> Iterator[Control[..., Any]]:
        return iter(self._controls)

    def subject_of(self, root: Subject, control: Control[..., Any]) -> Subject:
        """Return the subject that a control acts on."""
        name = self._subjects[control.subject]
        subject: Subject = getattr(root, name) if name else root
        return subject


def in_a_thread(function: Callable[[], T], cancel: Callable[[], None]) -> Call[T]:
    """Start a blocking function in a daemon thread."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name="kafkalite-call", daemon=True).start()
    return Call(future, cancel)


class Transport(Protocol):
    """Takes a call to where its control runs."""

    @property
    def bootstrap(self) -> str:
        """The broker's address, as ``bootstrap.servers`` wants it."""
        ...

    def call(self, subject: Subject, control: Control[..., T], arguments: Arguments) -> T:
        """Run a control and return its result; blocks."""
        ...

    def start(self, subject: Subject, control: Control[..., T], arguments: Arguments) -> Call[T]:
        """Start a control without waiting for it."""
        ...

    def fork(self, snapshot_of: Callable[[], DirectorySnapshot]) -> AbstractContextManager[Any]:
        """Run a broker that begins with a snapshot, and yield its controls. Raises NotOnThisBroker."""
        ...


class Subject:
    """A set of controls over one thing. ``local`` is what their bodies act on, if it is in this process."""

    def __init__(self, transport: Transport | None, local: LocalServer | None = None) -> None:
        self._transport_or_none = transport
        self._local_or_none = local

    @property
    def _transport(self) -> Transport:
        assert self._transport_or_none is not None, "without a transport, controls run in the broker's loop only"
        return self._transport_or_none

    @property
    def _local(self) -> LocalBroker:
        """The broker; a proxy has only controls that use :attr:`_local_server`."""
        return cast("LocalBroker", self._local_server)

    @property
    def _local_server(self) -> LocalServer:
        assert self._local_or_none is not None, "a control's body runs only where the broker is"
        return self._local_or_none


class Control(Generic[P, T]):
    """A control: an attribute of its subject's class that binds to a :class:`BoundControl`."""

    def __init__(
        self, function: Callable[..., Any], method: str, path: str, result: str | None, *, outlives_broker: bool = False
    ) -> None:
        self.function = function
        self.method = method
        self.path = path
        self.result = result
        """The member of the JSON object that holds the result; None if the result is the object.

        Of a control without a route: what it does."""
        self.outlives_broker = outlives_broker
        """Whether the body may still run, in any thread, once the broker has stopped."""
        self.__doc__ = function.__doc__
        self.is_coroutine: bool = inspect.iscoroutinefunction(inspect.unwrap(function))
        self.subject: type[Subject] = Subject
        self.name = function.__name__
        self.signature = _without_self(inspect.signature(function))

    def __set_name__(self, owner: type[Subject], name: str) -> None:
        self.subject, self.name = owner, name

    @overload
    def __get__(self, subject: None, owner: type[Any]) -> Control[P, T]: ...

    @overload
    def __get__(self, subject: Subject, owner: type[Any]) -> BoundControl[P, T]: ...

    def __get__(self, subject: Subject | None, owner: type[Any]) -> Control[P, T] | BoundControl[P, T]:
        return self if subject is None else BoundControl(self, subject)

    @cached_property
    def hints(self) -> dict[str, Any]:
        """The types of the parameters by their names, and of the result as ``return``."""
        function = inspect.unwrap(self.function)
        hints = get_type_hints(function)
        if (kind := self.function.__dict__.get("takes")) is not None:
            hints = {**get_type_hints(kind), "return": hints["return"]}
        for parameter in self.signature.parameters.values():
            if parameter.kind is Parameter.VAR_POSITIONAL:
                hints[parameter.name] = GenericAlias(tuple, (hints[parameter.name], ...))
        return hints

    async def run(self, subject: Subject, arguments: Arguments) -> T:
        """Run the body, in the broker's loop."""
        result = self.run_now(subject, arguments)
        done: T = await result if inspect.isawaitable(result) else result
        return done

    def run_now(self, subject: Subject, arguments: Arguments) -> Any:
        """Run the body of a control that is no coroutine, or return the coroutine."""
        bound = BoundArguments(self.signature, dict(arguments))
        return self.function(subject, *bound.args, **bound.kwargs)


class BoundControl(Generic[P, T]):
    """A control of one subject. Calling it blocks until it is done; :meth:`aio` is the same as a coroutine."""

    def __init__(self, control: Control[P, T], subject: Subject) -> None:
        self._control = control
        self._subject = subject
        self.__doc__ = control.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the control and return its result."""
        return self._transport.call(self._subject, self._control, self._arguments(args, kwargs))

    async def aio(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the control and await its result, in asyncio or trio."""
        return await self._transport.start(self._subject, self._control, self._arguments(args, kwargs)).wait()

    def start(self, *args: P.args, **kwargs: P.kwargs) -> Call[T]:
        """Start the control without waiting for it."""
        return self._transport.start(self._subject, self._control, self._arguments(args, kwargs))

    def __repr__(self) -> str:
        return f"<control {self._control.subject.__name__}.{self._control.name}{self._control.signature}>"

    @property
    def _transport(self) -> Transport:
        return self._subject._transport  # noqa: SLF001 - the two are one mechanism  # pyright: ignore[reportPrivateUsage]

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        return self._control.signature.bind(*args, **kwargs).arguments


class _Declare(Protocol):
    @overload
    def __call__(self, function: Callable[Concatenate[S, P], Coroutine[Any, Any, T]]) -> Control[P, T]: ...

    @overload
    def __call__(self, function: Callable[Concatenate[S, P], T]) -> Control[P, T]: ...


def _declare(method: str, path: str, result: str | None, *, outlives_broker: bool = False) -> _Declare:
    def declare(function: Callable[..., Any]) -> Any:
        return cast("Control[..., Any]", Control(function, method, path, result, outlives_broker=outlives_broker))

    return declare


def get(path: str, *, result: str | None = None, outlives_broker: bool = False) -> _Declare:
    """Declare a control that changes nothing: ``GET path``, with its parameters in the path and the query."""
    return _declare("GET", path, result, outlives_broker=outlives_broker)


def post(path: str, *, result: str | None = None) -> _Declare:
    """Declare a control that does or awaits something: ``POST path``, with its parameters in the path and the body."""
    return _declare("POST", path, result)


def delete(path: str) -> _Declare:
    """Declare a control that removes something: ``DELETE path``."""
    return _declare("DELETE", path, None)


def local_only(what: str) -> _Declare:
    """Declare a control without a route; elsewhere it raises NotOnThisBroker, which says ``what`` is not possible."""
    return _declare("", "", what)


def taking(kind: Callable[P, K]) -> Callable[[Callable[[Any, K], T]], Callable[Concatenate[Any, P], T]]:
    """Make a method take the fields of a dataclass as its parameters, and pass it the dataclass."""

    def decorate(function: Callable[[Any, K], T]) -> Callable[Concatenate[Any, P], T]:
        @wraps(function)
        def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
            return function(self, kind(*args, **kwargs))

        fields = inspect.signature(kind)
        own = Parameter("self", Parameter.POSITIONAL_ONLY)
        call.__dict__["__signature__"] = fields.replace(parameters=[own, *fields.parameters.values()])
        call.__dict__["takes"] = kind
        return call

    return decorate


def _without_self(signature: Signature) -> Signature:
    return signature.replace(parameters=list(signature.parameters.values())[1:])


async def _done(future: Future[Any]) -> None:
    """Wait in asyncio or trio until a future is done."""
    if trio.lowlevel.in_trio_task():
        done, token = trio.Event(), trio.lowlevel.current_trio_token()

        def wake(_: Future[Any]) -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(done.set)

        future.add_done_callback(wake)
        await done.wait()
        return
    import asyncio  # slow to import, and not needed by tests that do not use it

    event, loop = asyncio.Event(), asyncio.get_running_loop()

    def tell(_: Future[Any]) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(event.set)

    # asyncio.wrap_future would cancel our future from the other loop's thread.
    future.add_done_callback(tell)
    await event.wait()
