import { catalogueOf } from '../../edge/prices/catalog.ts';
import { newestDay } from '../../prices/catalogue.ts';
import { diffOf } from '../../prices/diff.ts';
import { command } from '../command.ts';
import { configurationHelp, readConfiguration } from '../configuration.ts';
import { fail, failWith, say } from '../say.ts';
import { diffText } from './diff-text.ts';
import { readUnverified } from './file.ts';

/** `tollgate prices diff FILE`: what would that catalogue change? */
export const diff = command({
  args: {
    file: { type: 'positional', required: true, description: 'A catalogue' },
    config: { type: 'string', description: configurationHelp },
    json: { type: 'boolean', description: 'Print JSON' },
  },
  run: async ({ args: { file, config, json } }) => {
    const asJson = json === true;
    const read = await readConfiguration(config);
    if (read.kind === 'bad') return failWith(read.problems, asJson);
    const next = await readUnverified(file);
    if (next.kind === 'bad') return fail(`${file} ${next.problem}`, asJson);
    const before = catalogueOf(read.config);
    const found = diffOf(before, next.catalogue);
    const named = (one: typeof before) => ({ version: one.version, day: newestDay(one) });
    const [from, to] = [named(before), named(next.catalogue)];
    if (asJson) say(JSON.stringify({ ok: true, from, to, ...found }));
    else say(`${from.version} (${from.day}) -> ${to.version} (${to.day})\n${diffText(found)}`);
  },
});
