/**
 * What the spool knows of the rows it has shipped: for each life of a gateway on this directory, up to which `seq` its
 * rows are in ClickHouse. Kept as marks in the segments themselves, carried from one to the next, so that it survives
 * whatever the calls survive. A mark that a crash loses only makes the knowledge older, never wrong.
 */
import { noteLine } from './entry.ts';
import type { Shipment } from './kept.ts';
import { noRows, plus, type Tally } from '../../decide/tally.ts';

/** One life of a gateway. Its rows are numbered from 1, without gaps. */
export interface Life {
  /** Value of the column `replica`. */
  readonly replica: string;
  /** Every row up to this one was handed to ClickHouse, or is lost. */
  readonly shippedTo: number;
  /** Of these, rows that were not sent, because their call had a row of another life. */
  readonly spared: Tally;
  /** No call of these rows began earlier, by the call ids' own clock; epoch milliseconds. */
  readonly sinceMs: number;
  /** When this was last learned, epoch milliseconds. */
  readonly atMs: number;
}

export interface Lives {
  all(): readonly Life[];
  /** Null: it is not known, or forgotten. */
  of(replica: string): Life | null;
  /** What a mark in a left-over segment says. */
  read(json: string): void;
  /** Rows up to there are done with; so many of them were spared, if this is the first time. */
  shipped(shipment: Omit<Shipment, 'segment'>, spared: Tally): Life;
  /** Every life as lines, for the next segment. */
  carried(): string;
}

/** Lives that are remembered, the latest ones; a gateway that starts more often forgets the first. */
const maxLives = 64;
const maxAgeMs = 7 * 24 * 3_600_000;

/** Marks of earlier versions do not say it. */
const sparedIn = (value: object): Tally => {
  if (!('spared' in value) || !Array.isArray(value.spared)) return noRows;
  const [rows, seqSum]: readonly unknown[] = value.spared;
  return typeof rows === 'number' && typeof seqSum === 'string' && /^\d+$/.test(seqSum)
    ? { rows, seqSum: BigInt(seqSum) }
    : noRows;
};

const parsed = (json: string): Life | null => {
  const value: unknown = JSON.parse(json);
  if (typeof value !== 'object' || value === null) return null;
  if (!('replica' in value) || typeof value.replica !== 'string') return null;
  if (!('shippedTo' in value) || typeof value.shippedTo !== 'number') return null;
  if (!('sinceMs' in value) || typeof value.sinceMs !== 'number') return null;
  if (!('atMs' in value) || typeof value.atMs !== 'number') return null;
  const { replica, shippedTo, sinceMs, atMs } = value;
  return { replica, shippedTo, spared: sparedIn(value), sinceMs, atMs };
};

/** A life as a line. */
export const markLine = ({ spared, ...life }: Life): string =>
  noteLine('m', JSON.stringify({ ...life, spared: [spared.rows, String(spared.seqSum)] }));

/** None known yet. */
export const startLives = (nowMs: number): Lives => {
  const lives = new Map<string, Life>();
  const put = (life: Life): void => {
    // Last in the map: the one that changed last is forgotten last.
    lives.delete(life.replica);
    lives.set(life.replica, life);
    const [oldest] = lives.keys();
    if (lives.size > maxLives && oldest !== undefined) lives.delete(oldest);
  };
  return {
    all: () => [...lives.values()],
    of: (replica) => lives.get(replica) ?? null,
    read(json) {
      const life = parsed(json);
      if (life === null || life.atMs < nowMs - maxAgeMs) return;
      if (life.shippedTo >= (lives.get(life.replica)?.shippedTo ?? 0)) put(life);
    },
    shipped({ replica, toSeq, sinceMs }, spared) {
      const before = lives.get(replica);
      const [shippedTo, counted] = [before?.shippedTo ?? 0, before?.spared ?? noRows];
      const life = {
        replica,
        shippedTo: Math.max(shippedTo, toSeq),
        spared: toSeq > shippedTo ? plus(counted, spared) : counted,
        sinceMs: Math.min(before?.sinceMs ?? sinceMs, sinceMs),
        atMs: Date.now(),
      };
      put(life);
      return life;
    },
    carried: () => [...lives.values()].map(markLine).join(''),
  };
};
