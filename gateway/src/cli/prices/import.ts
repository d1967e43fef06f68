import { dirname, resolve } from 'node:path';
import type { Config } from '../../config/config.ts';
import { catalogueOf, shippedCatalogue } from '../../edge/prices/catalog.ts';
import { putFile } from '../../edge/prices/put-file.ts';
import { newestDay, type Catalogue } from '../../prices/catalogue.ts';
import { diffOf, type CatalogueDiff } from '../../prices/diff.ts';
import { command } from '../command.ts';
import { configurationHelp, pathOf, readConfiguration } from '../configuration.ts';
import { fail, failWith, say } from '../say.ts';
import { diffSummary, diffText } from './diff-text.ts';
import { readFileOf } from './file.ts';

const whatToAdd = `the configuration says nowhere where a catalogue belongs. Add to it:
catalogue:
  file: prices.json            # beside the configuration
  publicKeys: [BASE64]         # npm run tollgate -- prices sign prints it`;

/** The catalogue in force. One that cannot be read holds nowhere any more: then it is the shipped one. */
const inForce = async (config: string | undefined): Promise<Catalogue> => {
  const read = await readConfiguration(config);
  return read.kind === 'ok' ? catalogueOf(read.config) : shippedCatalogue();
};

/** Why a catalogue is not put in place; null: nothing speaks against it. */
const objection = (
  { before, next, found }: { before: Catalogue; next: Catalogue; found: CatalogueDiff },
  allow: { readonly largeChanges: boolean; readonly older: boolean },
): string | null => {
  const [old, now] = [newestDay(before), newestDay(next)];
  if (now < old && !allow.older)
    return `its newest list is of ${now}, that of the catalogue in force of ${old}; --allow-older takes it all the same`;
  if (found.large > 0 && !allow.largeChanges) {
    const changed = found.changed.filter(({ lines }) => lines.some(({ isLarge }) => isLarge));
    const text = diffText({ ...found, added: [], gone: [], changed });
    return `some prices change by more than 5 times, which may be a mistake; --allow-large-changes takes them all the same:\n${text}`;
  }
  return null;
};

const placeOf = ({ catalogue, source }: Config): string | null =>
  catalogue.file === null ? null : resolve(dirname(source), catalogue.file);

/** `tollgate prices import FILE`: verifies a signed catalogue and puts it where the gateway looks. */
export const importCatalogue = command({
  args: {
    file: { type: 'positional', required: true, description: 'A signed catalogue' },
    config: { type: 'string', description: configurationHelp },
    'allow-large-changes': {
      type: 'boolean',
      description: 'Take prices that change by more than 5 times',
    },
    'allow-older': { type: 'boolean', description: 'Take a catalogue older than the one in force' },
    json: { type: 'boolean', description: 'Print JSON' },
  },
  run: async ({ args }) => {
    const { file, config } = args;
    const asJson = args.json === true;
    if (pathOf(config) === null) return fail(whatToAdd, asJson);
    const candidate = await readFileOf(file);
    if (candidate.kind !== 'text')
      return fail(`${file} cannot be read: ${candidate.reason}`, asJson);
    // The configuration as it would be with it: what the gateway would refuse is refused here, in the same words.
    const read = await readConfiguration(config, candidate);
    if (read.kind === 'bad') return failWith(read.problems, asJson);
    const [place, next] = [placeOf(read.config), read.config.priceCatalogue];
    if (place === null || next === null) return fail(whatToAdd, asJson);
    const before = await inForce(config);
    const found = diffOf(before, next);
    const allow = {
      largeChanges: args['allow-large-changes'] === true,
      older: args['allow-older'] === true,
    };
    const against = objection({ before, next, found }, allow);
    if (against !== null) return fail(`${file} is not taken: ${against}`, asJson);
    try {
      await putFile(place, candidate.text);
    } catch (error) {
      return fail(`cannot write ${place}: ${String(error)}`, asJson);
    }
    const done = { from: before.version, to: next.version, file: place };
    if (asJson) say(JSON.stringify({ ok: true, ...done, ...found }));
    else say(`${done.from} -> ${done.to}: ${diffSummary(found)}\nin place: ${place}`);
  },
});
