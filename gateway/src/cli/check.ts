import type { Config } from '../config/config.ts';
import { catalogueOf } from '../edge/prices/catalog.ts';
import { command } from './command.ts';
import { readConfiguration } from './configuration.ts';
import { failWith, say } from './say.ts';

/** What is worth saying about a good configuration. Nothing secret is in it. */
const summary = (config: Config) => ({
  file: config.source,
  hash: config.hash,
  providers: [...config.providers.keys()],
  models: config.models.map(({ name }) => name),
  keys: config.keys.length,
  prices: config.prices.length,
  catalogue: catalogueOf(config).version,
});

const table = ({ file, hash, ...rest }: ReturnType<typeof summary>) =>
  [
    `ok: ${file}${hash === file ? '' : ` ${hash}`}`,
    `  providers  ${rest.providers.length}  ${rest.providers.join(', ')}`,
    `  models     ${rest.models.length}  ${rest.models.join(', ')}`,
    `  keys       ${rest.keys}`,
    `  prices     ${rest.prices}  over catalogue ${rest.catalogue}`,
  ].join('\n');

/** `tollgate check [file]`: is this configuration good? Exit code 1 when it is not. */
export const check = command({
  args: {
    file: {
      type: 'positional',
      required: false,
      description: 'Default: TOLLGATE_CONFIG, else tollgate.yaml, else the built-in defaults',
    },
    json: { type: 'boolean', description: 'Print JSON' },
  },
  run: async ({ args: { file, json } }) => {
    const read = await readConfiguration(file);
    if (read.kind === 'bad') {
      failWith(read.problems, json === true);
      return;
    }
    const good = summary(read.config);
    say(json === true ? JSON.stringify({ ok: true, ...good }) : table(good));
  },
});
