"""DescribeClientQuotas and AlterClientQuotas."""

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.alter_client_quotas import AlterClientQuotasRequest, EntityData, EntryData, OpData
from kafkalite_wire.messages.describe_client_quotas import ComponentData, DescribeClientQuotasRequest

_EXACT, _DEFAULT, _SPECIFIED = 0, 1, 2
_Entity = tuple[tuple[str, str | None], ...]
_Ops = tuple[tuple[str, float | None], ...]


def _entry(entity: _Entity, ops: _Ops) -> EntryData:
    return EntryData(
        entity=tuple(EntityData(entity_type=kind, entity_name=name) for kind, name in entity),
        ops=tuple(OpData(key=key, value=value or 0.0, remove=value is None) for key, value in ops),
    )


@conversation
async def quotas_are_altered_and_described(talk: Talk) -> None:
    """Of users, clients and addresses, with every mistake."""
    voice = await talk.voice()
    user, client = talk.name(), talk.name()
    named: _Entity = (("user", user),)
    both: _Entity = (("client-id", client), ("user", user))
    rate: _Ops = (("producer_byte_rate", 1000.0),)
    for version in (0, 1):
        for note, entity, ops in (
            ("a user", named, rate),
            ("a user again", named, rate),
            ("all keys", named, (*rate, ("consumer_byte_rate", 2000.0), ("request_percentage", 12.5))),
            ("mutations", named, (("controller_mutation_rate", 0.5),)),
            ("one removed", named, (("consumer_byte_rate", None),)),
            ("what is not set removed", named, (("consumer_byte_rate", None),)),
            ("an unknown key removed", named, (("no_such", None),)),
            ("an unknown key", named, (("no_such", 1.0),)),
            ("a key of addresses", named, (("connection_creation_rate", 1.0),)),
            ("zero", named, (("producer_byte_rate", 0.0),)),
            ("negative", named, (("producer_byte_rate", -1.0),)),
            ("half a byte", named, (("producer_byte_rate", 1000.5),)),
            ("nearly whole", named, (("producer_byte_rate", 1000.0000001),)),
            ("half a byte less than nothing", named, (("request_percentage", 0.0),)),
            ("infinite", named, (("request_percentage", float("inf")),)),
            ("infinitely many bytes", named, (("producer_byte_rate", float("inf")),)),
            ("huge", named, (("producer_byte_rate", 1e18),)),
            ("a key twice", named, (*rate, *rate)),
            ("a key set and removed", named, (*rate, ("producer_byte_rate", None))),
            ("one bad of two", named, (("producer_byte_rate", 7.0), ("no_such", 1.0))),
            ("a client", (("client-id", client),), rate),
            ("a user's client", both, rate),
            ("a user's client, the other way round", both[::-1], (("producer_byte_rate", 5.0),)),
            ("an address", (("ip", "127.0.0.1"),), (("connection_creation_rate", 10.0),)),
            ("an address, removed", (("ip", "127.0.0.1"),), (("connection_creation_rate", None),)),
            ("half a connection", (("ip", "127.0.0.1"),), (("connection_creation_rate", 0.5),)),
            ("an address and bytes", (("ip", "127.0.0.1"),), rate),
            ("no address", (("ip", "300.1.1.1"),), (("connection_creation_rate", 10.0),)),
            ("an address and a user", (("ip", "127.0.0.1"), *named), (("connection_creation_rate", 10.0),)),
            ("an unknown type", (("planet", "earth"),), rate),
            ("an empty type", (("", "earth"),), rate),
            ("an empty name", (("user", ""),), rate),
            ("no entity", (), rate),
            ("a type twice", (*named, ("user", client)), rate),
            ("no changes", named, ()),
        ):
            request = AlterClientQuotasRequest(entries=(_entry(entity, ops),), validate_only=True)
            await voice.ask(request, version, f"{note}, on trial")
            request = AlterClientQuotasRequest(entries=(_entry(entity, ops),), validate_only=False)
            await voice.ask(request, version, note)
            await voice.ask(_described(("user", _EXACT, user)), version, f"{note}, described")
        for note, entries in (
            ("nothing", ()),
            ("an entity twice", (_entry(named, rate), _entry(named, (("producer_byte_rate", 3.0),)))),
            ("one fine, one not", (_entry(named, (("no_such", 1.0),)), _entry((("client-id", client),), rate))),
        ):
            await voice.ask(AlterClientQuotasRequest(entries=entries, validate_only=False), version, note)
        for note, filters in (
            ("a user", (("user", _EXACT, user),)),
            ("a client", (("client-id", _EXACT, client),)),
            ("a user's client", (("user", _EXACT, user), ("client-id", _EXACT, client))),
            ("a user's clients", (("user", _EXACT, user), ("client-id", _SPECIFIED, None))),
            ("a user's default client", (("user", _EXACT, user), ("client-id", _DEFAULT, None))),
            ("nobody", (("user", _EXACT, talk.name()),)),
            ("an exact null", (("user", _EXACT, None),)),
            ("a default with a name", (("user", _DEFAULT, user),)),
            ("any with a name", (("user", _SPECIFIED, user),)),
            ("an unknown match", (("user", 7, user),)),
            ("an unknown type", (("planet", _EXACT, user),)),
            ("an empty type", (("", _EXACT, user),)),
            ("a type twice", (("user", _EXACT, user), ("user", _SPECIFIED, None))),
            ("an address and a user", (("user", _EXACT, user), ("ip", _EXACT, "127.0.0.1"))),
        ):
            for strict in (False, True):
                await voice.ask(_described(*filters, strict=strict), version, f"{note}{', strictly' if strict else ''}")
        keys = ("producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate")
        gone: _Ops = tuple((key, None) for key in keys)
        removals = tuple(_entry(entity, gone) for entity in (named, (("client-id", client),), both))
        await voice.ask(AlterClientQuotasRequest(entries=removals, validate_only=False), version, "all removed")
        await voice.ask(_described(("user", _EXACT, user)), version, "all removed, described")


def _described(*filters: tuple[str, int, str | None], strict: bool = False) -> DescribeClientQuotasRequest:
    return DescribeClientQuotasRequest(
        components=tuple(
            ComponentData(entity_type=kind, match_type=match, match=name) for kind, match, name in filters
        ),
        strict=strict,
    )
