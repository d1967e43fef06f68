/** What another catalogue would change: by name, as calls look prices up, not by how entries are written. */
import type { Catalogue } from './catalogue.ts';
import { foundIn } from './find-name.ts';
import { factorOf } from './rates.ts';
import type { Constraint, Line, Model, Sheet } from './sheet.ts';
import { namesOf } from './names.ts';
import { listsOf } from './table.ts';

/** Above so many times the old price, or below such a part of it, a change is more likely a mistake. */
export const largeTimes = 5n;

export interface LineChange {
  /** Such as `output_text above 200000 tokens`, `service_tier=flex input_uncached`. */
  readonly line: string;
  /** As they are written; null: not listed. */
  readonly old: string | null;
  readonly new: string | null;
  /** `+50.0 %`; empty where one of them is missing or nothing. */
  readonly percent: string;
  readonly isLarge: boolean;
}

export interface ModelChange {
  readonly vendor: string;
  /** Names that change in the same way. */
  readonly names: readonly string[];
  readonly lines: readonly LineChange[];
}

export interface CatalogueDiff {
  /** Models by vendor and name, `openai/gpt-6`. */
  readonly added: readonly string[];
  readonly gone: readonly string[];
  readonly changed: readonly ModelChange[];
  /** Changed lines that are large. */
  readonly large: number;
}

const when = ({ from, daily }: Constraint): string =>
  [
    ...(from === undefined ? [] : [`from ${from}`]),
    ...(daily === undefined ? [] : [`daily ${daily.start} to ${daily.end}`]),
  ].join(' ');

const cellsOf = (label: string, sheet: Sheet): readonly (readonly [string, string])[] =>
  Object.entries<Line | undefined>(sheet).flatMap(([meter, line]) => {
    if (line === undefined) return [];
    const name = [label, meter].filter((part) => part !== '').join(' ');
    return [
      [name, line.usd] as const,
      ...(line.above ?? []).map(
        ({ tokens, usd }) => [`${name} above ${tokens} tokens`, usd] as const,
      ),
    ];
  });

/** Every price that an entry says, by what it is for. */
export const cells = ({ prices, variants = [] }: Model): ReadonlyMap<string, string> =>
  new Map([
    ...prices.flatMap(({ usd, ...span }) => cellsOf(when(span), usd)),
    ...variants.flatMap(({ dimension, value, usd, times, ...span }) => {
      const label = [when(span), `${dimension}=${value}`].filter((part) => part !== '').join(' ');
      return times === undefined ? cellsOf(label, usd ?? {}) : [[`${label} times`, times] as const];
    }),
  ]);

const exact = (usd: string): bigint => {
  const { numerator, denominator } = factorOf(usd);
  return numerator * (10n ** 12n / denominator);
};

const change = (line: string, old: string | null, now: string | null): LineChange | null => {
  if (old === null || now === null) return { line, old, new: now, percent: '', isLarge: false };
  const [before, after] = [exact(old), exact(now)];
  if (before === after) return null;
  const tenths = before === 0n ? null : Number(((after - before) * 1000n) / before);
  return {
    line,
    old,
    new: now,
    percent:
      tenths === null || after === 0n
        ? ''
        : `${tenths > 0 ? '+' : ''}${(tenths / 10).toFixed(1)} %`,
    // From nothing, and to nothing, is as large as it gets.
    isLarge: after > before * largeTimes || after * largeTimes < before,
  };
};

const linesOf = (old: Model, now: Model): readonly LineChange[] => {
  const [before, after] = [cells(old), cells(now)];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap(
    (line) => change(line, before.get(line) ?? null, after.get(line) ?? null) ?? [],
  );
};

const ownList = ({ vendors }: Catalogue, vendor: string): readonly (readonly Model[])[] =>
  vendors.has(vendor) ? listsOf(vendors, vendor).slice(0, 1) : [];

/** What changes when `next` takes the place of `before`. */
export const diffOf = (before: Catalogue, next: Catalogue): CatalogueDiff => {
  const [added, gone]: [string[], string[]] = [[], []];
  const changed: ModelChange[] = [];
  for (const vendor of new Set([...before.vendors.keys(), ...next.vendors.keys()])) {
    const [old, now] = [ownList(before, vendor), ownList(next, vendor)];
    const changes = new Map<string, { names: string[]; lines: readonly LineChange[] }>();
    for (const name of new Set([...old.flat(), ...now.flat()].flatMap(namesOf))) {
      const [mine, theirs] = [foundIn(old, name), foundIn(now, name)];
      if (mine === null && theirs === null) continue;
      if (mine === null) added.push(`${vendor}/${name}`);
      else if (theirs === null) gone.push(`${vendor}/${name}`);
      else {
        const lines = linesOf(mine.model, theirs.model);
        if (lines.length === 0) continue;
        const key = JSON.stringify(lines);
        const alike = changes.get(key);
        if (alike === undefined) changes.set(key, { names: [name], lines });
        else alike.names.push(name);
      }
    }
    for (const one of changes.values()) changed.push({ vendor, ...one });
  }
  const large = changed.flatMap(({ lines }) => lines).filter(({ isLarge }) => isLarge).length;
  return { added, gone, changed, large };
};
