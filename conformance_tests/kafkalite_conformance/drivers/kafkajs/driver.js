// Drives kafkajs with the suite's vocabulary: JSON commands in, JSON events out.
"use strict";

const { randomUUID } = require("node:crypto");
const { createInterface } = require("node:readline");
const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, PartitionAssigners, AssignerProtocol, logLevel } = require("kafkajs");
const snappy = require("kafkajs-snappy");
const lz4 = require("lz4js");
const xxhash32 = require("lz4js/xxh32");
const zstd = require("@bokuweb/zstd-wasm");

// kafkajs brings gzip; the others are the user's to plug in.
CompressionCodecs[CompressionTypes.Snappy] = snappy;
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => {
    // lz4js declares its blocks dependent, which Kafka refuses; one block depends on nothing. Byte 6 is the header's checksum.
    const frame = Buffer.from(lz4.compress(encoder.buffer));
    frame[4] |= 0x20;
    frame[6] = (xxhash32.hash(0, frame, 4, 2) >> 8) & 0xff;
    return frame;
  },
  decompress: async (buffer) => Buffer.from(lz4.decompress(buffer)),
});
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => Buffer.from((await zstdReady(), zstd.compress(encoder.buffer))),
  decompress: async (buffer) => Buffer.from((await zstdReady(), zstd.decompress(buffer))),
});
const zstdReady = () => (zstdReady.started ??= zstd.init());

const bootstrap = process.argv[2];
const kafka = new Kafka({ clientId: "kafkajs", brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50 } });
let consumer;
let admin;
const positions = new Map();

const say = (event, more = {}) => process.stdout.write(JSON.stringify({ event, ...more }) + "\n");
const bytes = (text) => (text === null || text === undefined ? null : Buffer.from(text, "base64"));
const text = (value) => (value === null || value === undefined ? null : Buffer.from(value).toString("base64"));
const errorName = (problem) => problem.type || (problem.cause && problem.cause.type) || problem.name;

// ---------------------------------------------------------------- producing

async function produce(command) {
  const transactional = command.op === "transaction";
  const producer = kafka.producer({
    idempotent: command.idempotence === true || transactional,
    ...(transactional ? { transactionalId: command.transactional_id, maxInFlightRequests: 1 } : {}),
    allowAutoTopicCreation: true,
    retry: { initialRetryTime: 50, retries: transactional || command.idempotence ? 20 : 5 },
  });
  await producer.connect();
  const transaction = transactional ? await producer.transaction() : null;
  await send(transaction || producer, command);
  if (transaction && command.group) {
    const topics = (command.offsets || []).map((row) => ({ topic: row.topic, partitions: [{ partition: row.partition, offset: String(row.offset) }] }));
    await transaction.sendOffsets({ consumerGroupId: command.group, topics });
  }
  if (transaction) {
    switch (command.outcome) {
      case "commit": await transaction.commit(); break;
      case "abort": await transaction.abort(); break;
      default: await new Promise(() => {}); // left open until this process is killed
    }
  }
  await producer.disconnect();
}

async function send(producer, command) {
  const compression = { gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy, lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD }[command.compression] || CompressionTypes.None;
  const acks = { 0: 0, 1: 1, all: -1 }[command.acks || "all"];
  const messages = (command.records || []).map((record) => ({
    key: bytes(record.key),
    value: bytes(record.value),
    headers: Object.fromEntries((record.headers || []).map(([name, value]) => [name, bytes(value)])),
    ...(record.partition === null ? {} : { partition: record.partition }),
    ...(record.timestamp === null ? {} : { timestamp: String(record.timestamp) }),
  }));
  for (let i = 0; i < (command.count || 0); i++) messages.push({ key: null, value: Buffer.from(`${command.prefix}${i}`) });
  // kafkajs tells the offset of a request's first record only, so each record is a request of its own.
  const one = async (message, index) => {
    try {
      const [answer] = await producer.send({ topic: command.topic, acks, compression, messages: [message] });
      say("ack", { id: command.id, index, partition: answer ? answer.partition : -1, offset: answer ? Number(answer.baseOffset) : -1 });
    } catch (problem) {
      say("nack", { id: command.id, index, error: errorName(problem), message: String(problem) });
    }
  };
  // Explicit records keep their order; counted ones are load.
  const together = command.count ? 100 : 1;
  for (let first = 0; first < messages.length; first += together) {
    await Promise.all(messages.slice(first, first + together).map((message, i) => one(message, first + i)));
  }
}

// ---------------------------------------------------------------- consuming

/** Kafka's RangeAssignor, which kafkajs does not bring: a user writes it with kafkajs' own building blocks. */
const range = ({ cluster }) => ({
  name: "range",
  version: 0,
  async assign({ members, topics }) {
    const ids = members.map((member) => member.memberId).sort();
    const shares = Object.fromEntries(ids.map((id) => [id, {}]));
    for (const topic of topics) {
      const partitions = cluster.findTopicPartitionMetadata(topic).map((each) => each.partitionId).sort((a, b) => a - b);
      const size = Math.floor(partitions.length / ids.length);
      const longer = partitions.length % ids.length;
      let first = 0;
      ids.forEach((id, position) => {
        const length = size + (position < longer ? 1 : 0);
        if (length > 0) shares[id][topic] = partitions.slice(first, first + length);
        first += length;
      });
    }
    return ids.map((memberId) => ({ memberId, memberAssignment: AssignerProtocol.MemberAssignment.encode({ version: 0, assignment: shares[memberId] }) }));
  },
  protocol({ topics }) {
    return { name: "range", metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics }) };
  },
});

function makeConsumer(command) {
  consumer = kafka.consumer({
    groupId: command.group || `reader-${randomUUID()}`,
    sessionTimeout: command.session_timeout_ms || 10000,
    rebalanceTimeout: 10000,
    heartbeatInterval: 300,
    maxWaitTimeInMs: 100,
    metadataMaxAge: command.metadata_max_age_ms || 1000,
    maxBytesPerPartition: 64 << 20,
    maxBytes: 64 << 20,
    readUncommitted: command.isolation !== "read_committed",
    partitionAssigners: [command.assignor === "range" ? range : PartitionAssigners.roundRobin],
    retry: { initialRetryTime: 50, retries: 10, restartOnFailure: async () => true },
  });
  consumer.on(consumer.events.CRASH, (event) => say("error", { error: errorName(event.payload.error), message: String(event.payload.error) }));
}

async function subscribe(command) {
  makeConsumer(command);
  consumer.on(consumer.events.GROUP_JOIN, (event) => {
    const owned = Object.entries(event.payload.memberAssignment).flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })));
    say("assigned", { owned });
  });
  consumer.on(consumer.events.REBALANCING, () => say("revoked", { owned: [] }));
  await consumer.connect();
  await consumer.subscribe({ topics: command.topics, fromBeginning: command.reset !== "latest" });
  await run(command, () => true);
}

/** kafkajs reads in groups only: a reader is a group of its own, which is sent to its place. */
async function assign(command) {
  makeConsumer(command);
  await consumer.connect();
  const [row] = command.partitions;
  let offset = row.at;
  if (row.start !== "offset") {
    const helper = await administration();
    const found = row.start === "timestamp" ? await helper.fetchTopicOffsetsByTimestamp(row.topic, row.at) : await helper.fetchTopicOffsets(row.topic);
    const partition = found.find((each) => each.partition === row.partition);
    offset = Number(row.start === "earliest" ? partition.low : partition.offset);
  }
  await consumer.subscribe({ topics: [row.topic], fromBeginning: true });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await run(command, (partition, at) => partition === row.partition && at >= offset);
  consumer.seek({ topic: row.topic, partition: row.partition, offset: String(offset) });
  await joined;
}

const run = (command, wanted) =>
  consumer.run({
    autoCommit: command.auto_commit === true,
    autoCommitInterval: 200,
    eachMessage: async ({ topic, partition, message }) => {
      if (!wanted(partition, Number(message.offset))) return;
      positions.set(`${topic} ${partition}`, { topic, partition, offset: String(Number(message.offset) + 1) });
      const headers = Object.entries(message.headers || {}).map(([name, value]) => [name, text(value)]);
      say("record", {
        topic, partition, offset: Number(message.offset), timestamp: Number(message.timestamp),
        key: text(message.key), value: text(message.value), headers,
      });
    },
  });

// ---------------------------------------------------------------- administration

async function administration() {
  if (!admin) {
    admin = kafka.admin();
    await admin.connect();
  }
  return admin;
}

async function administer(command) {
  const client = await administration();
  const { name } = command;
  switch (command.op) {
    case "create_topic": {
      const configEntries = Object.entries(command.configs || {}).map(([key, value]) => ({ name: key, value }));
      const created = await client.createTopics({ topics: [{ topic: name, numPartitions: command.partitions, replicationFactor: 1, configEntries }] });
      if (!created) throw Object.assign(new Error(name), { type: "TOPIC_ALREADY_EXISTS" });
      return {};
    }
    case "delete_topic": await client.deleteTopics({ topics: [name] }); return {};
    case "create_partitions": await client.createPartitions({ topicPartitions: [{ topic: name, count: command.total }] }); return {};
    case "delete_records":
      // kafkajs deletes only where it has met the topic before.
      await client.fetchTopicOffsets(command.topic);
      await client.deleteTopicRecords({ topic: command.topic, partitions: [{ partition: command.partition, offset: String(command.offset) }] });
      return { offset: command.offset };
    case "list_topics": return { names: await client.listTopics() };
    case "describe_topic": return { partitions: (await client.fetchTopicMetadata({ topics: [name] })).topics[0].partitions.length };
    case "describe_configs": {
      const answer = await client.describeConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name }], includeSynonyms: false });
      return { configs: Object.fromEntries(answer.resources[0].configEntries.map((entry) => [entry.configName, entry.configValue])) };
    }
    case "list_offset": {
      const found = command.start === "timestamp" ? await client.fetchTopicOffsetsByTimestamp(command.topic, command.at) : await client.fetchTopicOffsets(command.topic);
      const row = found.find((each) => each.partition === command.partition);
      return { offset: Number(command.start === "earliest" ? row.low : row.offset) };
    }
    case "describe_group": {
      const [group] = (await client.describeGroups([name])).groups;
      const members = group.members.map((member) => {
        const { assignment } = AssignerProtocol.MemberAssignment.decode(member.memberAssignment);
        return { member_id: member.memberId, instance_id: null, owned: Object.entries(assignment).flatMap(([topic, numbers]) => numbers.map((partition) => ({ topic, partition }))) };
      });
      return { state: group.state, protocol: group.protocol, members };
    }
    case "list_groups": return { names: (await client.listGroups()).groups.map((group) => group.groupId) };
    case "delete_group": {
      try {
        await client.deleteGroups([name]);
      } catch (problem) {
        throw problem.groups ? problem.groups[0].error : problem;
      }
      return {};
    }
    case "committed": {
      const topics = await client.fetchOffsets({ groupId: name });
      return { offsets: topics.flatMap(({ topic, partitions }) => partitions.map((row) => ({ topic, partition: row.partition, offset: Number(row.offset) }))) };
    }
    case "describe_cluster": {
      const cluster = await client.describeCluster();
      return { cluster_id: cluster.clusterId, controller: cluster.controller, brokers: cluster.brokers.map((each) => `${each.host}:${each.port}`) };
    }
    default: throw new Error(`unknown command ${command.op}`);
  }
}

async function obey(command) {
  switch (command.op) {
    case "produce": case "transaction": return produce(command);
    case "subscribe": return subscribe(command);
    case "assign": return assign(command);
    // Where kafkajs commits by hand, the position is the user's to keep.
    case "commit": return consumer.commitOffsets(command.offsets ? command.offsets.map((row) => ({ ...row, offset: String(row.offset) })) : [...positions.values()]);
    case "seek": return consumer.seek({ topic: command.topic, partition: command.partition, offset: String(command.offset) });
    case "pause": return consumer.pause(command.partitions.map((row) => ({ topic: row.topic, partitions: [row.partition] })));
    case "resume": return consumer.resume(command.partitions.map((row) => ({ topic: row.topic, partitions: [row.partition] })));
    case "leave": return consumer.disconnect();
    default: return administer(command);
  }
}

say("ready");
createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const command = JSON.parse(line);
    if (command.op === "exit") process.exit(0);
    try {
      say("done", { id: command.id, ...(await obey(command)) });
    } catch (problem) {
      say("failed", { id: command.id, error: errorName(problem), message: String(problem) });
    }
  })
  // The end of the commands means that the suite is gone: no clean close, as in a crash.
  .on("close", () => process.exit(0));
