/** `docs/local.md`: what the processes of `npm start` read from their environment. */
import { environmentTable } from '@tollgate/settings/docs-environment.ts';
import { limitTable, type Limit } from './clickhouse/limits.ts';
import { clickhouseEnvironment, startEnvironment } from './contract/environment.ts';

const MiB = 2 ** 20;

/** A default as the variable takes it, and in larger units where those say more. */
const shown = ({ env, value, by }: Limit): string =>
  by ??
  (env.endsWith('_BYTES') && value >= MiB
    ? `${value} (${value >= 1024 * MiB ? `${value / 1024 / MiB} GiB` : `${value / MiB} MiB`})`
    : String(value));

const limits = Object.fromEntries(
  Object.values<Limit>(limitTable).map((limit) => [
    limit.env,
    { by: shown(limit), about: limit.about },
  ]),
);

const page = `# Environment of \`npm start\`

Generated from \`deploy/local/src/contract/environment.ts\` and \`deploy/local/src/clickhouse/limits.ts\` by \`npm run generate\`; do not edit.

## The starter

It checks all of these before it starts anything, and hands each part what that part reads. The gateway gets every other
variable as well, because a configuration may name any: [reference.md](reference.md#environment). The trace-router:
[trace-router.md](trace-router.md#environment).

${environmentTable(startEnvironment)}

## The embedded ClickHouse

${environmentTable(clickhouseEnvironment)}

## Its limits

Whole numbers above 0; \`tollgate_clickhouse_refused_total\` counts what they refused or ended.

${environmentTable(limits)}
`;

/** The page, by its path. */
export const generatedFiles = (): Readonly<Record<string, string>> => ({ 'docs/local.md': page });
