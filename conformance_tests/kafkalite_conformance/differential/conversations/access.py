"""Access control entries, delegation tokens and SCRAM credentials; registrations of brokers."""

from dataclasses import replace

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.alter_user_scram_credentials import (
    AlterUserScramCredentialsRequest,
    ScramCredentialDeletion,
    ScramCredentialUpsertion,
)
from kafkalite_wire.messages.create_acls import AclCreation, CreateAclsRequest
from kafkalite_wire.messages.create_delegation_token import CreatableRenewers, CreateDelegationTokenRequest
from kafkalite_wire.messages.delete_acls import DeleteAclsFilter, DeleteAclsRequest
from kafkalite_wire.messages.describe_acls import DescribeAclsRequest
from kafkalite_wire.messages.describe_delegation_token import (
    DescribeDelegationTokenOwner,
    DescribeDelegationTokenRequest,
)
from kafkalite_wire.messages.describe_user_scram_credentials import DescribeUserScramCredentialsRequest, UserName
from kafkalite_wire.messages.expire_delegation_token import ExpireDelegationTokenRequest
from kafkalite_wire.messages.renew_delegation_token import RenewDelegationTokenRequest
from kafkalite_wire.messages.unregister_broker import UnregisterBrokerRequest

_ANY, _TOPIC, _ALLOW = 1, 2, 3
_SHA_256, _SHA_512 = 1, 2


@conversation
async def access_control_entries(talk: Talk) -> None:
    """Of a broker with or without an authorizer."""
    voice = await talk.voice()
    for version in (1, 2, 3):
        for resource_type in (0, _ANY, _TOPIC, 99):
            request = DescribeAclsRequest(
                resource_type_filter=resource_type,
                resource_name_filter=None,
                pattern_type_filter=1,
                principal_filter=None,
                host_filter=None,
                operation=1,
                permission_type=1,
            )
            await voice.ask(request, version, f"type {resource_type}")
        entry = AclCreation(
            resource_type=_TOPIC,
            resource_name="t",
            resource_pattern_type=3,
            principal="User:a",
            host="*",
            operation=3,
            permission_type=_ALLOW,
        )
        wanted = DeleteAclsFilter(
            resource_type_filter=_TOPIC,
            resource_name_filter="t",
            pattern_type_filter=3,
            principal_filter=None,
            host_filter=None,
            operation=1,
            permission_type=1,
        )
        for kind in (0, 9):
            for note, changed in (
                ("resource", replace(entry, resource_type=kind)),
                ("pattern", replace(entry, resource_pattern_type=kind)),
                ("operation", replace(entry, operation=kind)),
                ("permission", replace(entry, permission_type=kind)),
                ("principal", replace(entry, principal="")),
                ("host", replace(entry, host="")),
                ("name", replace(entry, resource_name="")),
            ):
                await voice.ask(CreateAclsRequest(creations=(entry, changed)), version, f"{note} {kind}")
            for note, asked in (
                ("resource", replace(wanted, resource_type_filter=kind)),
                ("pattern", replace(wanted, pattern_type_filter=kind)),
                ("operation", replace(wanted, operation=kind)),
                ("permission", replace(wanted, permission_type=kind)),
            ):
                await voice.ask(DeleteAclsRequest(filters=(wanted, asked)), version, f"{note} {kind}")
        for count in range(3):
            await voice.ask(CreateAclsRequest(creations=(entry,) * count), version, f"{count}")
            await voice.ask(DeleteAclsRequest(filters=(wanted,) * count), version, f"{count}")


@conversation
async def delegation_tokens(talk: Talk) -> None:
    """Over a listener without authentication."""
    voice = await talk.voice()
    for version in (1, 2, 3):
        for owner in (None, "a", ""):
            request = CreateDelegationTokenRequest(
                owner_principal_type=None if version < 3 or owner is None else "User",
                owner_principal_name=None if version < 3 else owner,
                renewers=(CreatableRenewers(principal_type="User", principal_name="b"),),
                max_lifetime_ms=1000,
            )
            await voice.ask(request, version, f"owner {owner}")
        for owners in (None, (), (DescribeDelegationTokenOwner(principal_type="User", principal_name="a"),)):
            await voice.ask(DescribeDelegationTokenRequest(owners=owners), version, f"owners {owners!r:.9}")
        if version <= 2:
            await voice.ask(RenewDelegationTokenRequest(hmac=b"x", renew_period_ms=1000), version)
            await voice.ask(ExpireDelegationTokenRequest(hmac=b"x", expiry_time_period_ms=-1), version)


def _upsertion(name: str, mechanism: int = _SHA_256, iterations: int = 4096) -> ScramCredentialUpsertion:
    return ScramCredentialUpsertion(
        name=name, mechanism=mechanism, iterations=iterations, salt=b"salt", salted_password=b"secret" * 6
    )


@conversation
async def scram_credentials(talk: Talk) -> None:
    """Set, described and deleted."""
    voice = await talk.voice()
    first, second, missing = talk.name(), talk.name(), talk.name()

    def described(*names: str) -> DescribeUserScramCredentialsRequest:
        return DescribeUserScramCredentialsRequest(users=tuple(UserName(name=name) for name in names))

    def deleted(name: str, mechanism: int = _SHA_256) -> ScramCredentialDeletion:
        return ScramCredentialDeletion(name=name, mechanism=mechanism)

    for note, deletions, upsertions in (
        ("nothing", (), ()),
        ("of nobody", (deleted(missing),), ()),
        ("of an empty name", (deleted(""),), (_upsertion(""),)),
        ("of an unknown mechanism", (deleted(first, 7),), (_upsertion(second, 7),)),
        ("mechanism 0", (deleted(first, 0),), (_upsertion(second, 0),)),
        ("too few iterations", (), (_upsertion(first, iterations=4095), _upsertion(second, _SHA_512, 4095))),
        ("too many iterations", (), (_upsertion(first, iterations=16385),)),
        ("negative iterations", (), (_upsertion(first, iterations=-1),)),
        ("one of two", (), (_upsertion(first), _upsertion(first, _SHA_512, 1))),
        ("set", (), (_upsertion(first), _upsertion(first, _SHA_512, 16384), _upsertion(second))),
        ("set again", (), (_upsertion(first, iterations=8192),)),
        ("set twice", (), (_upsertion(first), _upsertion(first))),
        ("set and deleted", (deleted(first),), (_upsertion(first),)),
        ("deleted twice", (deleted(first), deleted(first)), ()),
        ("one changed and one deleted", (deleted(first, _SHA_512),), (_upsertion(second, _SHA_512),)),
        ("one fine, one not", (deleted(missing),), (_upsertion(second, iterations=5000),)),
        ("all deleted", (deleted(first), deleted(second), deleted(second, _SHA_512)), ()),
    ):
        request = AlterUserScramCredentialsRequest(deletions=deletions, upsertions=upsertions)
        await voice.ask(request, 0, note)
        for names in ((first,), (second, first), (first, first), (missing,), ("",), (missing, missing)):
            await voice.ask(described(*names), 0, f"{note}, {len(names)} described")


@conversation
async def brokers_are_unregistered(talk: Talk) -> None:
    """Those that there are not."""
    voice = await talk.voice()
    for broker in (9, -1, 2**31 - 1):
        await voice.ask(UnregisterBrokerRequest(broker_id=broker), 0, f"broker {broker}")
