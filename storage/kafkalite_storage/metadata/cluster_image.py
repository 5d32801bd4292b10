"""The state of the cluster besides topics and features: brokers, quotas, access control, and configured resources."""

from collections.abc import Mapping
from typing import Final

from kafkalite_wire.messages.metadata_records import (
    AccessControlEntryRecord,
    ClientQuotaRecord,
    ConfigRecord,
    DelegationTokenRecord,
    MetadataRecord,
    RegisterBrokerRecord,
    RemoveAccessControlEntryRecord,
    RemoveDelegationTokenRecord,
    RemoveUserScramCredentialRecord,
    UnregisterBrokerRecord,
    UserScramCredentialRecord,
)
from kafkalite_wire.values import value_class

#: Resource types of a ConfigRecord, besides topics and brokers.
CLIENT_METRICS_RESOURCE: Final = 16
GROUP_RESOURCE: Final = 32

QuotaEntity = frozenset[tuple[str, str | None]]
"""What quotas belong to: entity types (`user`, `client-id`, `ip`) with a name, or None for the default entity."""


@value_class(kw_only=True)
class ScramCredential:
    """What a broker keeps to authenticate a user by SCRAM (RFC 5802)."""

    salt: bytes
    stored_key: bytes
    server_key: bytes
    iterations: int


@value_class(kw_only=True)
class AccessControlEntry:
    """Who may do what with which resources, or may not; the numbers are those of CreateAcls."""

    resource_type: int
    resource_name: str
    pattern_type: int
    principal: str
    host: str
    operation: int
    permission_type: int


class ClusterImage:
    """The state that results from all records so far; records of other types are ignored."""

    def __init__(self) -> None:
        self.registered_brokers: dict[int, int] = {}
        """The epoch of each broker that Kafka registered and has not unregistered."""
        self.client_quotas: dict[QuotaEntity, dict[str, float]] = {}
        self.scram_credentials: dict[tuple[str, int], ScramCredential] = {}
        """By user and mechanism."""
        self.access_control_entries: dict[bytes, AccessControlEntry] = {}
        """By their ids."""
        self.access_control_changes = 0
        """Raised by each change of these entries."""
        self.delegation_tokens: dict[str, DelegationTokenRecord] = {}
        """By the id of the token."""
        self.resource_configs: dict[tuple[int, str], dict[str, str]] = {}
        """The configurations of groups and client metrics subscriptions, by resource type and name."""

    def apply(self, record: MetadataRecord) -> None:
        """Apply a record of the metadata log."""
        match record:
            case RegisterBrokerRecord():
                self.registered_brokers[record.broker_id] = record.broker_epoch
            case UnregisterBrokerRecord():
                self.registered_brokers.pop(record.broker_id, None)
            case ClientQuotaRecord():
                self._set_quota(record)
            case UserScramCredentialRecord():
                self.scram_credentials[record.name, record.mechanism] = ScramCredential(
                    salt=record.salt,
                    stored_key=record.stored_key,
                    server_key=record.server_key,
                    iterations=record.iterations,
                )
            case RemoveUserScramCredentialRecord():
                self.scram_credentials.pop((record.name, record.mechanism), None)
            case AccessControlEntryRecord():
                self.access_control_entries[record.id] = AccessControlEntry(
                    resource_type=record.resource_type,
                    resource_name=record.resource_name,
                    pattern_type=record.pattern_type,
                    principal=record.principal,
                    host=record.host,
                    operation=record.operation,
                    permission_type=record.permission_type,
                )
                self.access_control_changes += 1
            case RemoveAccessControlEntryRecord():
                self.access_control_entries.pop(record.id, None)
                self.access_control_changes += 1
            case DelegationTokenRecord():
                self.delegation_tokens[record.token_id] = record
            case RemoveDelegationTokenRecord():
                self.delegation_tokens.pop(record.token_id, None)
            case ConfigRecord():
                self._configure(record)
            case _:
                pass

    def _set_quota(self, record: ClientQuotaRecord) -> None:
        entity = frozenset((part.entity_type, part.entity_name) for part in record.entity)
        quotas = self.client_quotas.setdefault(entity, {})
        if record.remove:
            quotas.pop(record.key, None)
        else:
            quotas[record.key] = record.value
        if not quotas:
            del self.client_quotas[entity]

    def _configure(self, record: ConfigRecord) -> None:
        if record.resource_type not in (CLIENT_METRICS_RESOURCE, GROUP_RESOURCE):
            return
        resource = (record.resource_type, record.resource_name)
        configs = self.resource_configs.setdefault(resource, {})
        if record.value is None:
            configs.pop(record.name, None)
        else:
            configs[record.name] = record.value
        if not configs:
            del self.resource_configs[resource]

    def configs(self, resource_type: int, name: str) -> Mapping[str, str]:
        """Return the configurations of a group or a client metrics subscription."""
        return self.resource_configs.get((resource_type, name), {})
