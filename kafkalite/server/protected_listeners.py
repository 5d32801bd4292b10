"""Makes the protection of a listener from its configuration; imported only where a listener has one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import trio

from kafkalite.background.refusals import refuse
from kafkalite.security.authenticator import SaslSettings
from kafkalite.security.sasl import ScramMechanism, no_credential, no_token, salt_of, scram_credential
from kafkalite.security.tls import TlsContext
from kafkalite.server.connection import FrameLimit
from kafkalite.server.protection import ListenerProtection

if TYPE_CHECKING:
    from kafkalite.background.timers import TimerQueue
    from kafkalite.config.oauthbearer import TokenConfig
    from kafkalite.config.security import ListenerSecurity
    from kafkalite.security.oauthbearer import VerifyToken
    from kafkalite.security.sasl import FindCredential, FindToken
    from kafkalite.security.token_keys import KeySource
    from kafkalite.server.key_fetcher import KeyFetcher
    from kafkalite_storage.metadata.cluster_image import ScramCredential


class Limits(Protocol):
    """What is needed of the configuration of a broker or a proxy."""

    @property
    def sasl_server_max_receive_size(self) -> int:
        """The largest frame of a client that has not authenticated."""
        ...

    @property
    def connection_failed_authentication_delay(self) -> float:
        """The seconds after which a failed authentication is answered."""
        ...


def protection_of(
    security: ListenerSecurity,
    limits: Limits,
    timers: TimerQueue,
    wall_ms: Callable[[], int],
    *,
    find_stored: FindCredential = no_credential,
    find_token: FindToken = no_token,
) -> ListenerProtection:
    """Make the protection of a listener that has TLS or SASL.

    ``find_stored`` finds the users of SCRAM that are not in the configuration, ``find_token`` delegation tokens.
    """
    sasl = fetcher = users = None
    if security.sasl is not None:
        users = ScramUsers(security.sasl.scram_users, security.sasl.mechanisms, find_stored)
        verify = None
        if security.sasl.tokens is not None:
            verify, fetcher = _tokens(security.sasl.tokens, lambda: wall_ms() / 1000)
        sasl = SaslSettings(
            mechanisms=security.sasl.mechanisms,
            passwords=security.sasl.plain_users,
            find_credential=users.find,
            find_token=find_token,
            verify_token=verify,
            session_lifetimes=security.sasl.session_lifetimes,
            now=timers.now,
        )
    return ListenerProtection(
        name=security.name,
        tls=None if security.tls is None else TlsContext(security.tls),
        sasl=sasl,
        principals=security.principals,
        limit_before=FrameLimit(limits.sasl_server_max_receive_size, "sasl.server.max.receive.size"),
        key_fetcher=fetcher,
        derive_users=None if users is None else users.derive,
        refuse=partial(refuse, timers, limits.connection_failed_authentication_delay),
    )


def _tokens(config: TokenConfig, now: Callable[[], float]) -> tuple[VerifyToken, KeyFetcher | None]:
    """Return the check of tokens, and what keeps its keys up to date where they are fetched."""
    # Imported here, because most listeners have no OAUTHBEARER.
    from kafkalite.config.oauthbearer import KeyEndpoint
    from kafkalite.security.access_tokens import SignedTokens, UnsecuredRules, UnsecuredTokens
    from kafkalite.security.token_keys import FetchedKeys, FileKeys, TokenKeys
    from kafkalite.server.key_fetcher import KeyFetcher

    if isinstance(config.rules, UnsecuredRules):
        return UnsecuredTokens(config.rules, now).verify, None
    assert config.keys is not None
    fetcher: KeyFetcher | None = None
    source: KeySource
    if isinstance(config.keys, KeyEndpoint):
        source = fetched = FetchedKeys()
        fetcher = KeyFetcher(config.keys, fetched)
    elif isinstance(config.keys, Path):
        source = FileKeys(config.keys)
    else:
        source = config.keys
    return SignedTokens(TokenKeys(source), config.rules, now).verify, fetcher


class ScramUsers:
    """The users of SCRAM: those that are stored (AlterUserScramCredentials), then those of the configuration."""

    def __init__(self, passwords: Mapping[str, str], mechanisms: Sequence[str], find_stored: FindCredential) -> None:
        self._passwords = passwords
        self._mechanisms = [mechanism for mechanism in ScramMechanism if mechanism.sasl_name in mechanisms]
        self._find_stored = find_stored
        # Deriving keys takes a millisecond or two, and none of it should be done again at each connection.
        self._derived = cache(self._derive)

    async def derive(self) -> None:
        """Derive the keys of all users; otherwise the first login of a user would take longer than one of no user."""
        for user in self._passwords:
            for mechanism in self._mechanisms:
                self._derived(user, mechanism)
                await trio.lowlevel.checkpoint()

    def find(self, user: str, mechanism: ScramMechanism) -> ScramCredential | None:
        """Return what is known of a user for a mechanism, or None."""
        stored = self._find_stored(user, mechanism)
        if stored is not None:
            return stored
        return self._derived(user, mechanism) if user in self._passwords else None

    def _derive(self, user: str, mechanism: ScramMechanism) -> ScramCredential:
        return scram_credential(self._passwords[user], mechanism, salt_of(user, mechanism))
