import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { problemText } from '@tollgate/settings/document.ts';
import { configPath, processVariables } from '../edge/config/environment.ts';
import { readConfig } from '../edge/config/read.ts';
import { providers } from '../providers/registry.ts';
import { command } from './command.ts';

/** What is worth saying about a good configuration. Nothing secret is in it. */
const summary = (config: Config) => ({
  file: config.source,
  hash: config.hash,
  providers: [...config.providers.keys()],
  models: config.models.map(({ name }) => name),
  keys: config.keys.length,
  prices: config.prices.length,
});

const table = ({ file, hash, providers, models, keys, prices }: ReturnType<typeof summary>) =>
  [
    `ok: ${file}${hash === file ? '' : ` ${hash}`}`,
    `  providers  ${providers.length}  ${providers.join(', ')}`,
    `  models     ${models.length}  ${models.join(', ')}`,
    `  keys       ${keys}`,
    `  prices     ${prices}`,
  ].join('\n');

/** A file as the user named it; npm moves to the package's folder and keeps where the user was in INIT_CWD. */
const located = (file: string): string => {
  const from = processVariables()['INIT_CWD'];
  return from === undefined || existsSync(file) ? file : resolve(from, file);
};

/** `tollgate check [file]`: is this configuration good? Exit code 1 when it is not. */
export const check = command({
  name: 'check',
  description: 'Check a configuration file and print everything that is wrong with it',
  args: {
    file: {
      type: 'positional',
      required: false,
      description: 'Default: TOLLGATE_CONFIG, else tollgate.yaml, else the built-in defaults',
    },
    json: { type: 'boolean', description: 'Print JSON' },
  },
  run: async ({ args: { file, json } }) => {
    const env = processVariables();
    const path = file === undefined ? configPath(env, process.cwd()) : located(file);
    const read = await readConfig({ path, env, providers });
    const say = (text: string) => process.stdout.write(`${text}\n`);
    if (read.kind === 'ok') {
      const good = summary(read.config);
      say(json === true ? JSON.stringify({ ok: true, ...good }) : table(good));
      return;
    }
    process.exitCode = 1;
    if (json === true) say(JSON.stringify({ ok: false, problems: read.problems }));
    else for (const problem of read.problems) say(problemText(problem));
  },
});
