import { docsTable } from '@tollgate/settings/docs-table.ts';
import type { Provider } from '../providers/provider.ts';
import { providerSchema } from './check-providers.ts';
import { collections, Key, Price, ProviderCommon, RouteInFull, Users } from './schema.ts';
import { Budget } from './schema-budgets.ts';
import { Issuer } from './schema-issuers.ts';
import { sections } from './sections.ts';

const commonFields = Object.keys(ProviderCommon.properties);

const credentialWords = ({ credentials }: Provider): string =>
  credentials.some(({ isNeeded }) => isNeeded)
    ? `Credential by convention in ${credentials.map(({ variable }) => `\`${variable ?? ''}\``).join(', ')}.`
    : 'Needs no credential; `apiKey` is sent when given.';

const vendorSection = (vendor: Provider): string => {
  const { properties, required } = providerSchema(vendor);
  const own = Object.fromEntries(
    Object.entries(properties).filter(([name]) => !commonFields.includes(name)),
  );
  const models = vendor.knownModels.map((name) => `\`${name}\``).join(', ');
  return [
    `### \`${vendor.name}\``,
    [
      credentialWords(vendor),
      models === '' ? 'Known for no models: name them under `models`.' : `Known models: ${models}.`,
    ].join(' '),
    ...(Object.keys(own).length > 0 ? [docsTable({ properties: own, required })] : []),
  ].join('\n\n');
};

const introduction = `# Configuration

Generated from \`gateway/src/config/{schema,sections}.ts\` and \`gateway/src/providers/\` by \`npm run generate\`; do not edit.

The gateway reads the YAML file that \`TOLLGATE_CONFIG\` names, else \`tollgate.yaml\` in its working directory. Without a
file it serves every vendor whose credential is in the environment, with the models the vendor is known for, and the
simulated model \`demo\`. \`deploy/examples/tollgate.yaml\` is a complete example.

- **Check it:** \`npm run tollgate -- check FILE\` prints every mistake as \`file:line:column: path: message\`. A key that is
  not listed here is a mistake.
- **Environment:** \`\${VAR}\` and \`\${VAR:-default}\` are filled in inside values, never in keys. A variable that is not set
  and has no default is a mistake. \`$\${\` is a literal \`\${\`.
- **Secrets** come from the environment (\`\${VAR}\`) or from files (\`{ file: PATH }\`, relative to the configuration), and
  must not be written into it. A client's key may be given as its SHA-256.
- **Reload:** a change of the file, or of a secret's file, is taken over whole within seconds; a text with a mistake in it
  is refused whole, logged, and the old configuration stays. Kubernetes ConfigMaps and Secrets are followed. What counts
  \`at start\` below keeps its value until the gateway is started again, everything else of the file is taken over: a log
  line and \`/health/ready\` (\`configuration.restart_needed\`) name such settings, \`tollgate_config_restart_needed\` counts
  them, and the reload has the result \`restart_needed\`. What counts \`at once\` does so for new calls and connections.
- **Several workers:** with \`workers.count\` above 1 that many processes serve the one port, each with a spool of its own
  (\`ledger\`, \`ledger/worker-2\`, ... in the data directory) and a name of its own in the ledger (\`REPLICA\`, \`REPLICA.w2\`, ...). What the
  limits below say of memory, disk, connections and allowances (\`bodiesInFlight\`, \`bodiesPerKey\`, \`callsInFlight\`, \`connections\`,
  \`strangersPerAddress\`, \`refusals*\`, \`maxConnections\`, \`maxSpool\`, \`maxRefusals\`, \`reserve\`, \`spanQueue\`) and the engine's heap are divided
  among them, rounded up; what is of one request, one clock or one worker's names is not. Because a caller's connections may all have come to one
  worker, it may meet a limit at its share. \`/metrics\`, \`/health/ready\` and a reload are those of all workers, whichever answers:
  every series has the label \`worker\`; a changed file comes into force in all workers or in none, and a worker that is started
  again reads the file as it is then. Signals go to the parent, which is the process that you started. Any number of workers
  takes up what another number left: with fewer of them, one sees to the spools of those that are no more.
- **Names:** a listener on a loopback address answers to \`localhost\` and loopback addresses; on another address, to every IP
  address and to names that no stranger can register (single words, \`.svc\`, \`.internal\`, \`.local\`). Other names, such as
  the public one, stand in the variable \`TOLLGATE_HOSTS\`, separated by commas: \`ai.example.org\`, or
  \`ai.example.org:8443\` for that port only, or \`*\` for all. A request under another name gets 421 (see SECURITY.md).
- **Units:** durations are \`500ms\`, \`30s\`, \`15m\`, \`1h\`; sizes \`64KiB\` (1024) or \`8MB\` (1000); amounts of money are read
  digit by digit, never as floats.

An editor with a YAML language server checks while you type when the first line of the file is
\`# yaml-language-server: $schema=gateway/gateway.schema.json\` (a path relative to the file).`;

/** The reference of every field: `docs/configuration.md`. */
export const configurationDocs = (vendors: ReadonlyMap<string, Provider>): string =>
  [
    introduction,
    `## \`providers\`\n\n${collections.providers} Every provider has these fields, and the settings of its vendor.`,
    docsTable(ProviderCommon),
    ...[...vendors.values()].map(vendorSection),
    `## \`models\`\n\n${collections.models}`,
    '```yaml\nmodels:\n  gpt-*: openai\n  fast:\n    targets:\n      - { provider: openai, model: gpt-4o-mini }\n      - local\n```',
    docsTable(RouteInFull),
    'A target is the name of a provider, or a map of `provider` and `model`; without `model` the name the client used is sent on.',
    `## \`keys\`\n\n${collections.keys} A key has \`secret\` or \`secretSha256\`.`,
    docsTable(Key),
    `## \`issuers\`\n\n${collections.issuers} [How a token is judged, and how Kubernetes and others are set up](tokens.md).`,
    '```yaml\nissuers:\n  - name: corp\n    issuer: https://login.example.org\n    audience: tollgate\n    claims: { team: department, user: email, application: { value: chat } }\n```',
    docsTable(Issuer),
    `## \`budgets\`\n\n${collections.budgets} [What is counted, and what becomes of a call](budgets.md).`,
    '```yaml\nbudgets:\n  - { id: search, scope: { team: search }, unit: usd, limit: 500, window: month, timeZone: Europe/Berlin }\n  - { id: runaway, scope: { agent: "*" }, unit: usd, limit: 5, window: trace }\n```',
    docsTable(Budget),
    `## \`prices\`\n\n${collections.prices}`,
    docsTable(Price),
    `## \`users\`\n\n${collections.users}`,
    docsTable(Users),
    ...Object.entries(sections).flatMap(([name, schema]) => [
      `## \`${name}\`\n\n${'description' in schema ? String(schema.description) : ''}`,
      docsTable(schema),
    ]),
  ].join('\n\n') + '\n';
