"""Kafka's broker properties that have no effect here, by the reason.

Each row is name, type, default (`-` for none), limits (`least..most`), and `dynamic` where Kafka changes the property
at run time. Defaults are Kafka's.
"""

from collections.abc import Iterator
from typing import Final

from kafkalite.config.property import Effect, Property
from kafkalite_storage.configs.values import Between, ConfigType, OneOf, any_value, parse_value

SECTION: Final = "Accepted without effect"

_ROWS: Final = {
    "There is no separate controller.": """
        broker.heartbeat.interval.ms int 2000
        controller.quorum.append.linger.ms int 25 0..
        controller.quorum.auto.join.enable boolean false
        controller.quorum.bootstrap.servers list empty
        controller.quorum.election.backoff.max.ms int 1000 0..
        controller.quorum.election.timeout.ms int 1000 0..
        controller.quorum.fetch.max.bytes int 1048576 1..
        controller.quorum.fetch.snapshot.max.bytes int 1048576 1..
        controller.quorum.fetch.timeout.ms int 2000 0..
        controller.quorum.request.timeout.ms int 2000 0..
        controller.quorum.retry.backoff.ms int 20 0..
        controller.quorum.voters list empty
        controller.socket.timeout.ms int 30000
        early.start.listeners list -
        initial.broker.registration.timeout.ms int 60000
        metadata.log.dir string -
        metadata.log.max.record.bytes.between.snapshots long 20971520 1..
        metadata.log.max.snapshot.interval.ms long 3600000 0..
        metadata.log.segment.bytes int 1073741824 8388608..
        metadata.log.segment.ms long 604800000
        metadata.max.idle.interval.ms int 500 0..
        metadata.max.retention.bytes long 104857600
        metadata.max.retention.ms long 604800000
    """,
    "There is one copy of each partition: no followers, no replication.": """
        alter.log.dirs.replication.quota.window.num int 11 1..
        alter.log.dirs.replication.quota.window.size.seconds int 1 1..
        controlled.shutdown.enable boolean true
        follower.fetch.last.tiered.offset.enable boolean false dynamic
        num.replica.alter.log.dirs.threads int -
        num.replica.fetchers int 1 1.. dynamic
        offsets.commit.timeout.ms int 5000 1..
        replica.fetch.backoff.ms int 1000 0..
        replica.fetch.max.bytes int 1048576 0..
        replica.fetch.min.bytes int 1
        replica.fetch.response.max.bytes int 10485760 0..
        replica.fetch.wait.max.ms int 500
        replica.high.watermark.checkpoint.interval.ms long 5000
        replica.lag.time.max.ms long 30000
        replica.socket.receive.buffer.bytes int 65536
        replica.socket.timeout.ms int 30000
        replication.quota.window.num int 11 1..
        replication.quota.window.size.seconds int 1 1..
    """,
    "The broker opens no connections to other brokers.": """
        inter.broker.listener.name string -
        request.timeout.ms int 30000
        security.inter.broker.protocol string PLAINTEXT
        socket.connection.setup.timeout.max.ms long 30000
        socket.connection.setup.timeout.ms long 10000
    """,
    "OpenSSL does the TLS, with keys in PEM.": """
        security.providers string -
        ssl.allow.dn.changes boolean false
        ssl.allow.san.changes boolean false
        ssl.endpoint.identification.algorithm string https dynamic
        ssl.engine.factory.class class - dynamic
        ssl.keymanager.algorithm string SunX509 dynamic
        ssl.protocol string TLSv1.3 dynamic
        ssl.provider string - dynamic
        ssl.secure.random.implementation string - dynamic
        ssl.trustmanager.algorithm string PKIX dynamic
    """,
    "Kerberos is not supported, and the broker logs in nowhere.": """
        principal.builder.class class org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder dynamic
        sasl.client.callback.handler.class class -
        sasl.kerberos.kinit.cmd string /usr/bin/kinit dynamic
        sasl.kerberos.min.time.before.relogin long 60000 dynamic
        sasl.kerberos.principal.to.local.rules list DEFAULT dynamic
        sasl.kerberos.service.name string - dynamic
        sasl.kerberos.ticket.renew.jitter double 0.05 dynamic
        sasl.kerberos.ticket.renew.window.factor double 0.8 dynamic
        sasl.login.callback.handler.class class -
        sasl.login.class class -
        sasl.login.connect.timeout.ms int -
        sasl.login.read.timeout.ms int -
        sasl.login.refresh.buffer.seconds short 300 dynamic
        sasl.login.refresh.min.period.seconds short 60 dynamic
        sasl.login.refresh.window.factor double 0.8 dynamic
        sasl.login.refresh.window.jitter double 0.05 dynamic
        sasl.login.retry.backoff.max.ms long 10000
        sasl.login.retry.backoff.ms long 100
        sasl.mechanism.controller.protocol string GSSAPI
        sasl.mechanism.inter.broker.protocol string GSSAPI dynamic
        sasl.oauthbearer.assertion.algorithm string RS256
        sasl.oauthbearer.assertion.claim.aud string -
        sasl.oauthbearer.assertion.claim.exp.seconds int 300 0..86400
        sasl.oauthbearer.assertion.claim.iss string -
        sasl.oauthbearer.assertion.claim.jti.include boolean false
        sasl.oauthbearer.assertion.claim.nbf.seconds int 60 0..3600
        sasl.oauthbearer.assertion.claim.sub string -
        sasl.oauthbearer.assertion.file string -
        sasl.oauthbearer.assertion.private.key.file string -
        sasl.oauthbearer.assertion.private.key.passphrase password -
        sasl.oauthbearer.assertion.template.file string -
        sasl.oauthbearer.client.credentials.client.id string -
        sasl.oauthbearer.client.credentials.client.secret password -
        sasl.oauthbearer.jwt.retriever.class class org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever
        sasl.oauthbearer.jwt.validator.class class org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator
        sasl.oauthbearer.scope string -
        sasl.oauthbearer.token.endpoint.url string -
    """,  # noqa: E501
    "Quotas have no plug-ins.": """
        client.quota.callback.class class -
    """,
    "Tiered storage is not supported.": """
        remote.fetch.max.wait.ms int 500 1.. dynamic
        remote.list.offsets.request.timeout.ms long 30000 1.. dynamic
        remote.log.index.file.cache.total.size.bytes long 1073741824 1.. dynamic
        remote.log.manager.copier.thread.pool.size int 10 1.. dynamic
        remote.log.manager.copy.max.bytes.per.second long 9223372036854775807 1.. dynamic
        remote.log.manager.copy.quota.window.num int 11 1..
        remote.log.manager.copy.quota.window.size.seconds int 1 1..
        remote.log.manager.expiration.thread.pool.size int 10 1.. dynamic
        remote.log.manager.fetch.max.bytes.per.second long 9223372036854775807 1.. dynamic
        remote.log.manager.fetch.quota.window.num int 11 1..
        remote.log.manager.fetch.quota.window.size.seconds int 1 1..
        remote.log.manager.follower.thread.pool.size int 2 1.. dynamic
        remote.log.manager.task.interval.ms long 30000 1..
        remote.log.manager.thread.pool.size int 2 1..
        remote.log.metadata.custom.metadata.max.bytes int 128 0..
        remote.log.metadata.manager.class.name string org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager
        remote.log.metadata.manager.class.path string -
        remote.log.metadata.manager.impl.prefix string rlmm.config.
        remote.log.metadata.manager.listener.name string -
        remote.log.reader.max.pending.tasks int 100 1..
        remote.log.reader.threads int 10 1.. dynamic
        remote.log.storage.manager.class.name string -
        remote.log.storage.manager.class.path string -
        remote.log.storage.manager.impl.prefix string rsm.config.
        remote.log.storage.system.enable boolean false
    """,  # noqa: E501
    "Internals of Kafka's share coordinator; dead letters are not supported.": """
        errors.deadletterqueue.auto.create.topics.enable boolean false dynamic
        errors.deadletterqueue.topic.name.prefix string dlq. dynamic
        group.share.assignors list simple
        share.coordinator.append.linger.ms int -1 -1..
        share.coordinator.cached.buffer.max.bytes int 1048588 524288.. dynamic
        share.coordinator.load.buffer.size int 5242880 1..
        share.coordinator.state.topic.compression.codec int 0
        share.coordinator.state.topic.segment.bytes int 104857600 1..
        share.coordinator.threads int 1 1..
        share.coordinator.write.timeout.ms int 5000 1..
        share.fetch.purgatory.purge.interval.requests int 1000
    """,
    "Streams groups have one assignor.": """
        group.streams.assignors list sticky
    """,
    "Groups of all protocols are always on.": """
        group.coordinator.rebalance.protocols list classic,consumer,streams
    """,
    "A transaction is aborted when its time-out ends, and the coordinator is in the same process.": """
        add.partitions.to.txn.retry.backoff.max.ms int 100 0..
        add.partitions.to.txn.retry.backoff.ms int 20 1..
        transaction.abort.timed.out.transaction.cleanup.interval.ms int 10000 1..
        transaction.partition.verification.enable boolean true dynamic
        transaction.state.log.load.buffer.size int 5242880 1..
        transaction.state.log.segment.bytes int 104857600 1..
        transaction.two.phase.commit.enable boolean false
    """,
    "One thread serves all requests.": """
        background.threads int 10 1.. dynamic
        group.coordinator.background.threads int 2 1..
        group.coordinator.threads int 4 1..
        log.cleaner.threads int 1 0.. dynamic
        num.io.threads int 8 1.. dynamic
        num.network.threads int 3 1.. dynamic
        num.recovery.threads.per.data.dir int 2 1.. dynamic
        queued.max.request.bytes long -1
        queued.max.requests int 500 1..
    """,
    "Java classes cannot be loaded, and there are no metrics reporters.": """
        alter.config.policy.class.name class -
        config.providers list empty dynamic
        create.topic.policy.class.name class -
        group.streams.topology.description.plugin.class class -
        kafka.metrics.polling.interval.secs int 10 1..
        kafka.metrics.reporters list empty
        metric.reporters list org.apache.kafka.common.metrics.JmxReporter dynamic
        metrics.num.samples int 2 1..
        metrics.recording.level string INFO
        metrics.sample.window.ms long 30000 1..
        telemetry.max.bytes int 1048576 1..
    """,
    "The broker has no purgatories to purge.": """
        delete.records.purgatory.purge.interval.requests int 1
        fetch.purgatory.purge.interval.requests int 1000
        producer.purgatory.purge.interval.requests int 1000
    """,
    "Buffers have no fixed size.": """
        group.coordinator.append.linger.ms int -1 -1..
        group.coordinator.cached.buffer.max.bytes int 1048588 524288.. dynamic
        log.cleaner.io.buffer.load.factor double 0.9 dynamic
        log.cleaner.io.buffer.size int 524288 0.. dynamic
        offsets.load.buffer.size int 5242880 1..
        socket.receive.buffer.bytes int 102400
        socket.send.buffer.bytes int 102400
    """,
    "The network buffers, logs and requests have no such limits here.": """
        offsets.topic.compression.codec int 0
        offsets.topic.segment.bytes int 104857600 1..
        socket.listen.backlog.size int 50 1..
    """,
    "One data directory, with checkpoints in one place; its failure stops the broker.": """
        cordoned.log.dirs list empty dynamic
        log.dir.failure.timeout.ms long 30000 1..
        log.flush.start.offset.checkpoint.interval.ms int 60000 0..
    """,
}

_CHOICES: Final = {
    "group.coordinator.rebalance.protocols": OneOf(("consumer", "classic", "share", "streams")),
    "security.inter.broker.protocol": OneOf(("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")),
    "ssl.client.auth": OneOf(("required", "requested", "none")),
}

_REMOVED: Final = frozenset((
    "auto.include.jmx.reporter",
    "broker.id.generation.enable",
    "control.plane.listener.name",
    "delegation.token.master.key",
    "group.coordinator.new.enable",
    "inter.broker.protocol.version",
    "log.message.downconversion.enable",
    "log.message.format.version",
    "log.message.timestamp.difference.max.ms",
    "offsets.commit.required.acks",
    "reserved.broker.max.id",
))  # fmt: skip
_FOREIGN_PREFIXES: Final = {
    "zookeeper.": "There is no ZooKeeper.",
    "password.encoder.": "Kafka removed it in 4.0.",
    "confluent.": "It is a property of Confluent Server.",
    "listener.name.": "Listeners have no properties of their own here.",
}


def properties() -> Iterator[Property]:
    """Return the properties of the table."""
    for reason, rows in _ROWS.items():
        for row in rows.strip().splitlines():
            name, kind, default, *more = row.split()
            limits = next((_limits(word) for word in more if ".." in word), any_value)
            type_ = ConfigType[kind.upper()]
            yield Property(
                name=name,
                type=type_,
                default=None if default == "-" else parse_value(name, type_, default.replace("empty", "")),
                doc=reason,
                section=SECTION,
                effect=Effect.NONE,
                rule=_CHOICES.get(name, limits),
                dynamic="dynamic" in more,
            )


def foreign(name: str) -> str | None:
    """Return why a property that is not in Kafka 4.4's table is accepted, or None if it is not.

    Such are properties of earlier versions, of Confluent Server, and of single listeners.
    """
    if name in _REMOVED:
        return "Kafka removed it in 4.0."
    return next((reason for prefix, reason in _FOREIGN_PREFIXES.items() if name.startswith(prefix)), None)


def _limits(text: str) -> Between:
    least, _, most = text.partition("..")
    return Between(float(least) if "." in least else int(least), int(most) if most else None)
