import { environmentTable } from '@tollgate/settings/docs-environment.ts';
import { docsTable } from '@tollgate/settings/docs-table.ts';
import { environment } from '../contract/environment.ts';
import type { Policy } from '../policies/policy.ts';
import { Member, membersAbout, sections } from './schema.ts';

const introduction = `# Configuration of the trace-router

Generated from \`trace-router/src/config/schema.ts\`, \`trace-router/src/policies/\` and \`trace-router/src/contract/environment.ts\` by \`npm run generate\`; do not edit.

The trace-router reads the YAML file that \`TOLLGATE_ROUTER_CONFIG\` names. Without one everything has its default: the built-in
sampler, which keeps errors, slow and costly traces and, until told otherwise, everything else.
\`deploy/examples/trace-router.yaml\` is a complete example. The language is that of the gateway (\`docs/configuration.md\`):

- **Check it:** \`node trace-router/src/main.ts --check FILE\` prints every mistake as \`file:line:column: path: message\`. A key that
  is not listed here is a mistake.
- **Environment:** \`\${VAR}\` and \`\${VAR:-default}\` are filled in inside values, never in keys. \`$\${\` is a literal \`\${\`.
- **Units:** durations are \`500ms\`, \`30s\`, \`15m\`, \`1h\`; sizes \`64KiB\` (1024) or \`8MB\` (1000).
- **Reload:** a change of the file is taken over within seconds; a text with a mistake in it is refused whole, logged, and the
  old configuration stays. What counts \`at start\` below keeps its value until the router is started again, everything else of
  the file is taken over: a log line names such settings, \`trace_router_config_restart_needed\` counts them, and the reload has
  the result \`restart_needed\` in \`trace_router_config_reloads_total\`.
- **The collector's words:** keys of \`sampler\` are those of the OpenTelemetry Collector's \`tail_sampling\` in our spelling, with
  the unit in the value (\`decision_wait\` is \`decisionWait\`, \`maximum_trace_size_bytes\` is \`maximumTraceSize\`). **Policies keep
  the collector's own spelling**, names, types and settings alike, so that they can be moved there and back as they are.

An editor with a YAML language server checks while you type when the first line of the file is
\`# yaml-language-server: $schema=trace-router/trace-router.schema.json\` (a path relative to the file).`;

const policiesAbout = `An entry of \`sampler.policies\` has a \`name\`, which stands in metrics, a \`type\`, and its settings under a key that is called like
the type. A drop wins over every keep; then the first keep in order gives the reason. A rate limit is asked only when no policy
before it kept the trace.

\`\`\`yaml
sampler:
  policies:
    - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
    - { name: rest, type: probabilistic, probabilistic: { sampling_percentage: 10 } }
\`\`\``;

const policySection = ({ type, settings }: Policy): string =>
  Object.keys(settings.properties).length === 0
    ? `### \`${type}\`\n\nHas no settings.`
    : `### \`${type}\`\n\n${docsTable(settings)}`;

/** The reference of every field: `docs/trace-router.md`. */
export const routerDocs = (policies: readonly Policy[]): string =>
  [
    introduction,
    `## \`members\`\n\n${membersAbout} A member has these fields.`,
    docsTable(Member),
    ...Object.entries(sections).flatMap(([name, schema]) => [
      `## \`${name}\`\n\n${'description' in schema ? String(schema.description) : ''}`,
      docsTable(schema),
    ]),
    `## Policies\n\n${policiesAbout}`,
    ...policies.map(policySection),
    `## Environment\n\n${environmentTable(environment)}`,
  ].join('\n\n') + '\n';
