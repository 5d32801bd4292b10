// Logs in with each login of a JSON list on standard input, produces a record and reads it; prints a JSON object with
// the outcome of each by name.
const fs = require("fs");
const { Kafka, logLevel } = require("kafkajs");

function settings(login) {
  const made = {
    brokers: [login.Address],
    logLevel: logLevel.NOTHING,
    retry: { retries: 8, initialRetryTime: 100, maxRetryTime: 1000 },
    connectionTimeout: 3000,
  };
  if (login.Protocol.includes("SSL")) {
    made.ssl = { ca: [fs.readFileSync(login.Authority)] };
    if (login.Certificate) {
      made.ssl.cert = made.ssl.key = fs.readFileSync(login.Certificate);
    }
  }
  if (login.Mechanism === "OAUTHBEARER") {
    made.sasl = { mechanism: "oauthbearer", oauthBearerProvider: async () => ({ value: login.Token }) };
  } else if (login.Mechanism) {
    made.sasl = { mechanism: login.Mechanism.toLowerCase(), username: login.User, password: login.Password };
  }
  return made;
}

async function attempt(login) {
  const kafka = new Kafka(settings(login));
  const producer = kafka.producer({ allowAutoTopicCreation: true });
  const consumer = kafka.consumer({ groupId: login.Topic });
  try {
    await producer.connect();
    await producer.send({ topic: login.Topic, messages: [{ value: "value" }] });
    await consumer.connect();
    await consumer.subscribe({ topic: login.Topic, fromBeginning: true });
    return await new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error("nothing is read")), 60000).unref();
      const eachMessage = async ({ message }) => resolve(message.value.toString() === "value" ? "works" : "another");
      consumer.run({ eachMessage }).catch(reject);
    });
  } catch (error) {
    return `${error.name}: ${error.message}`;
  } finally {
    await Promise.allSettled([producer.disconnect(), consumer.disconnect()]);
  }
}

async function main() {
  const logins = JSON.parse(fs.readFileSync(0, "utf8"));
  const outcomes = {};
  const worker = async () => {
    for (let login = logins.shift(); login; login = logins.shift()) {
      outcomes[login.Name] = await attempt(login);
    }
  };
  await Promise.all(Array.from({ length: 6 }, worker));
  fs.writeSync(1, JSON.stringify(outcomes));
  process.exit(0);
}

main();
