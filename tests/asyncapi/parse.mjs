// Reads an AsyncAPI document as AsyncAPI's own tools do, and tells what they found, as JSON.
// Arguments: the folder that holds node_modules, and the document.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [home, file] = process.argv.slice(2);
const { Parser } = createRequire(`${home}/`)("@asyncapi/parser");

const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));
const byId = (collection, tell) => Object.fromEntries(collection.all().map((each) => [each.id(), tell(each)]));

const told = document && {
  version: document.version(),
  title: document.info().title(),
  license: document.info().license().name(),
  servers: byId(document.servers(), (server) => ({
    protocol: server.protocol(),
    variables: byId(server.variables(), (variable) => variable.defaultValue()),
    security: server.security().flatMap((each) => each.all().map((one) => one.scheme().type())),
  })),
  channels: byId(document.channels(), (channel) => ({
    address: channel.address(),
    kafka: channel.bindings().get("kafka").value(),
    messages: channel.messages().all().map((message) => message.id()),
  })),
  operations: byId(document.operations(), (operation) => ({
    action: operation.action(),
    channels: operation.channels().all().map((channel) => channel.id()),
    messages: operation.messages().all().map((message) => message.id()),
  })),
  messages: byId(document.components().messages(), (message) => ({
    format: message.schemaFormat(),
    title: message.payload().title(),
    required: message.payload().required() ?? [],
    headers: Object.keys(message.headers().properties()),
    key: message.bindings().get("kafka").value().key,
    correlation: message.correlationId().location(),
    examples: message.examples().all().map((example) => example.name()),
  })),
};
process.stdout.write(JSON.stringify({ told: told ?? null, diagnostics }));
