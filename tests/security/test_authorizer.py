"""Decisions of the authorizer: which entries concern a client and a resource, and which of them counts."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkalite.security.access_control import EntryFilter, Operation, PatternType, Permission, ResourceType
from kafkalite.security.authorizer import Access, Authorizer, AuthorizerSettings
from kafkalite_storage.metadata.cluster_image import AccessControlEntry, ClusterImage
from kafkalite_wire.messages.metadata_records import AccessControlEntryRecord, RemoveAccessControlEntryRecord

TOPIC, GROUP = ResourceType.TOPIC, ResourceType.GROUP
READ, WRITE, DESCRIBE, ALL = Operation.READ, Operation.WRITE, Operation.DESCRIBE, Operation.ALL
_ids = count(1)


def entry(
    operation: Operation = READ,
    name: str = "t",
    *,
    kind: ResourceType = TOPIC,
    prefixed: bool = False,
    principal: str = "User:anna",
    host: str = "*",
    denies: bool = False,
) -> AccessControlEntry:
    return AccessControlEntry(
        resource_type=kind,
        resource_name=name,
        pattern_type=PatternType.PREFIXED if prefixed else PatternType.LITERAL,
        principal=principal,
        host=host,
        operation=operation,
        permission_type=Permission.DENY if denies else Permission.ALLOW,
    )


def add(image: ClusterImage, made: AccessControlEntry) -> bytes:
    entry_id = next(_ids).to_bytes(16)
    image.apply(
        AccessControlEntryRecord(
            id=entry_id,
            resource_type=made.resource_type,
            resource_name=made.resource_name,
            pattern_type=made.pattern_type,
            principal=made.principal,
            host=made.host,
            operation=made.operation,
            permission_type=made.permission_type,
        )
    )
    return entry_id


def authorizer_of(
    *entries: AccessControlEntry, super_users: str = "", everyone: bool = False
) -> tuple[Authorizer, ClusterImage]:
    image = ClusterImage()
    for each in entries:
        add(image, each)
    settings = AuthorizerSettings(super_users=frozenset(super_users.split()), allow_everyone_if_no_acl_found=everyone)
    return Authorizer(settings, lambda: image), image


def access_of(*entries: AccessControlEntry, everyone: bool = False, host: str = "10.0.0.1") -> Access:
    return authorizer_of(*entries, everyone=everyone)[0].access_of("User:anna", host)


@pytest.mark.parametrize(
    ("entries", "allowed"),
    [
        ((), False),
        ((entry(),), True),
        ((entry(WRITE),), False),
        ((entry(ALL),), True),
        ((entry(name="*"),), True),
        ((entry(name="", prefixed=True),), True),
        ((entry(name="t", prefixed=True),), True),
        ((entry(name="to", prefixed=True),), False),
        ((entry(name="*", prefixed=True),), False),
        ((entry(kind=GROUP),), False),
        ((entry(principal="User:*"),), True),
        ((entry(principal="Group:*"),), False),
        ((entry(principal="User:ann"),), False),
        ((entry(host="10.0.0.1"),), True),
        ((entry(host="10.0.0.2"),), False),
        ((entry(host="10.0.0.0/24"),), True),
        ((entry(host="10.1.0.0/24"),), False),
        ((entry(), entry(denies=True)), False),
        ((entry(), entry(ALL, name="*", denies=True)), False),
        ((entry(), entry(WRITE, denies=True)), True),
        ((entry(), entry(denies=True, host="10.0.0.2")), True),
        ((entry(), entry(denies=True, principal="User:ben")), True),
    ],
)
def test_whether_anna_may_read_topic_t(entries: tuple[AccessControlEntry, ...], allowed: bool) -> None:
    assert access_of(*entries).allows(READ, TOPIC, "t") is allowed


@pytest.mark.parametrize(
    ("operation", "implied", "allowed"),
    [
        *((operation, DESCRIBE, True) for operation in (READ, WRITE, Operation.DELETE, Operation.ALTER)),
        (Operation.CREATE, DESCRIBE, False),
        (Operation.ALTER_CONFIGS, DESCRIBE, False),
        (Operation.ALTER_CONFIGS, Operation.DESCRIBE_CONFIGS, True),
        (Operation.ALTER, Operation.DESCRIBE_CONFIGS, False),
        (DESCRIBE, READ, False),
    ],
)
def test_what_an_operation_implies(operation: Operation, implied: Operation, allowed: bool) -> None:
    assert access_of(entry(operation)).allows(implied, TOPIC, "t") is allowed
    assert access_of(entry(ALL), entry(operation, denies=True)).allows(implied, TOPIC, "t")


def test_everyone_may_use_a_resource_without_entries_if_the_property_says_so() -> None:
    access = access_of(entry(principal="User:ben"), everyone=True)
    assert access.allows(READ, TOPIC, "other")
    assert not access.allows(READ, TOPIC, "t")


def test_a_super_user_may_do_everything() -> None:
    authorizer, _ = authorizer_of(entry(ALL, denies=True), super_users="User:anna")
    access = authorizer.access_of("User:anna", "10.0.0.1")
    assert access.allows(READ, TOPIC, "t")
    assert access.allows_any(WRITE, TOPIC)
    assert access.operations(TOPIC, "t") == 0b1101_1111_1000
    assert not authorizer.access_of("Group:anna", "10.0.0.1").allows(READ, TOPIC, "t")


@pytest.mark.parametrize(
    ("entries", "allowed"),
    [
        ((), False),
        ((entry(WRITE, "a"),), True),
        ((entry(READ, "a"),), False),
        ((entry(ALL, "a", prefixed=True),), True),
        ((entry(WRITE, "*"),), True),
        ((entry(WRITE, "*"), entry(WRITE, "*", denies=True)), False),
        ((entry(WRITE, "a"), entry(WRITE, "a", denies=True)), False),
        ((entry(WRITE, "ab"), entry(WRITE, "a", prefixed=True, denies=True)), False),
        ((entry(WRITE, "a", prefixed=True), entry(WRITE, "ab", prefixed=True, denies=True)), True),
        ((entry(WRITE, "a", prefixed=True), entry(WRITE, "a", denies=True)), True),
        ((entry(WRITE, "a", host="10.0.0.2"),), False),
    ],
)
def test_whether_anna_may_write_to_any_topic(entries: tuple[AccessControlEntry, ...], allowed: bool) -> None:
    assert access_of(*entries).allows_any(WRITE, TOPIC) is allowed


def test_decisions_follow_the_entries() -> None:
    authorizer, image = authorizer_of()
    assert not authorizer.access_of("User:anna", "h").allows(READ, TOPIC, "t")
    allowed = add(image, entry(name="t", prefixed=True))
    denied = add(image, entry(denies=True))
    assert not authorizer.access_of("User:anna", "h").allows(READ, TOPIC, "t")
    image.apply(RemoveAccessControlEntryRecord(id=denied))
    assert authorizer.access_of("User:anna", "h").allows(READ, TOPIC, "t")
    image.apply(RemoveAccessControlEntryRecord(id=allowed))
    assert not authorizer.access_of("User:anna", "h").allows(READ, TOPIC, "t")


def test_a_denial_is_logged_once_and_in_bounds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kafkalite.authorizer")
    access = access_of()
    for _ in range(2):
        access.allows(READ, TOPIC, "t")
        access.allows(READ, TOPIC, "quiet", logged=False)
    access.allows(READ, TOPIC, "t", logged=False)
    assert caplog.messages == [
        "Principal = User:anna is Denied operation = READ from host = 10.0.0.1 on resource = Topic:LITERAL:t"
    ]
    for number in range(2000):
        access.allows(READ, TOPIC, f"t{number}")
    assert len(caplog.messages) == 1001
    assert caplog.messages[-1] == "further denials are not logged until the access control entries change"


NAMES = st.text("ab", max_size=4)
ENTRIES = st.lists(
    st.builds(
        entry,
        st.sampled_from((READ, WRITE, ALL, DESCRIBE)),
        st.one_of(NAMES, st.just("*")),
        kind=st.sampled_from((TOPIC, GROUP)),
        prefixed=st.booleans(),
        principal=st.sampled_from(("User:anna", "User:ben", "User:*")),
        denies=st.booleans(),
    ),
    max_size=8,
)


def applicable(entries: list[AccessControlEntry], name: str) -> Iterator[AccessControlEntry]:
    """Look at every entry, as the rules say it."""
    for each in entries:
        if each.pattern_type == PatternType.PREFIXED:
            is_of_name = name.startswith(each.resource_name)
        else:
            is_of_name = each.resource_name in ("*", name)
        if is_of_name and each.resource_type == TOPIC:
            yield each


@given(entries=ENTRIES, name=NAMES, everyone=st.booleans(), kept=st.integers(0, 8))
def test_the_index_decides_as_a_look_at_every_entry(
    entries: list[AccessControlEntry], name: str, everyone: bool, kept: int
) -> None:
    authorizer, image = authorizer_of(*entries, everyone=everyone)
    authorizer.access_of("User:anna", "h")  # so that the index has entries to lose
    for entry_id in tuple(image.access_control_entries)[kept:]:
        image.apply(RemoveAccessControlEntryRecord(id=entry_id))
    found = list(applicable(entries[:kept], name))
    ours = [each for each in found if each.principal in ("User:anna", "User:*") and each.operation in (WRITE, ALL)]
    denied = any(each.permission_type == Permission.DENY for each in ours)
    expected = not denied and (bool(ours) or (everyone and not found))
    assert authorizer.access_of("User:anna", "h").allows(WRITE, TOPIC, name) is expected


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (EntryFilter(), True),
        (EntryFilter(resource_name="t"), False),
        (EntryFilter(resource_name="t", pattern_type=PatternType.PREFIXED), False),
        (EntryFilter(resource_name="to", pattern_type=PatternType.PREFIXED), True),
        (EntryFilter(resource_name="to", pattern_type=PatternType.LITERAL), False),
        (EntryFilter(resource_name="topic", pattern_type=PatternType.MATCH), True),
        (EntryFilter(resource_name="t", pattern_type=PatternType.MATCH), False),
        (EntryFilter(principal="User:anna", host="*", operation=READ, permission_type=Permission.ALLOW), True),
        (EntryFilter(operation=ALL), False),
        (EntryFilter(host="h"), False),
        (EntryFilter(permission_type=Permission.DENY), False),
        (EntryFilter(resource_type=GROUP), False),
    ],
)
def test_what_a_filter_selects(wanted: EntryFilter, matches: bool) -> None:
    assert wanted.matches(entry(name="to", prefixed=True)) is matches
