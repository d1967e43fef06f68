/** Lives of one gateway: begun, killed at a random instant, begun again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Launched } from '../../fakes/process.ts';
import type { Span } from './judge.ts';

export interface Lives {
  /** When each was killed, from the signal until it was gone. */
  readonly kills: readonly Span[];
  /** Kills before it was ready. */
  readonly early: number;
  /** Starts that ended by themselves before they were ready. */
  readonly failed: number;
  /** How long the others took to get ready. */
  readonly readyMs: readonly number[];
}

export interface LivesOptions {
  readonly cycles: number;
  /** No life that is ready lasts longer before it is killed. */
  readonly longestMs: number;
  random(): number;
  launch(): Launched;
  /** There must be further kills, however many there were. */
  goesOn(): boolean;
  /** A start ended by itself, for these reasons. @throws Error when there is no excuse for it */
  onFailed(words: string): Promise<void>;
  /** @param words what it had printed */
  onKill(lives: Lives, lifeMs: number | null, words: string): void;
}

/** The kernel takes connections for a process, and breaks them, for a moment after its end was told. No next one is there as soon. */
const tearDownMs = 200;

/** Not killed at once when it is ready: some calls are to be under way. */
const shortestMs = 100;
const earlyShare = 0.1;
/** Until the first start shows how long one takes. */
const usualStartMs = 800;
/** Of a start. No measurement. */
const generousMs = 300_000;

/** @throws Error with what it said, when it takes too long or, without `onFailed`, ends before it is ready */
export const whenReady = async (life: Launched): Promise<boolean> => {
  const late = Symbol('late');
  const control = new AbortController();
  const ready = await Promise.race([
    life.whenReady,
    sleep(generousMs, late, { signal: control.signal, ref: false }).catch(() => late),
  ]);
  control.abort();
  if (ready === late) throw new Error(`the gateway did not get ready: ${life.output()}`);
  return ready !== null;
};

/** Kills it again and again; it is dead at the end. */
export const killAgainAndAgain = async (options: LivesOptions): Promise<Lives> => {
  const { cycles, longestMs, random, launch, goesOn, onFailed, onKill } = options;
  const kills: Span[] = [];
  const readyMs: number[] = [];
  const counts = { early: 0, failed: 0 };
  const lives = (): Lives => ({ kills, readyMs, ...counts });
  while (kills.length < cycles || goesOn()) {
    const startedMs = performance.now();
    const life = launch();
    const isEarly = random() < earlyShare;
    let lifeMs: number | null = null;
    if (isEarly) {
      await sleep(random() * (readyMs.at(-1) ?? usualStartMs));
      counts.early += 1;
    } else if (await whenReady(life)) {
      readyMs.push(performance.now() - startedMs);
      lifeMs = shortestMs + random() * (longestMs - shortestMs);
      await sleep(lifeMs);
    } else {
      counts.failed += 1;
      await life.gone;
      await onFailed(life.output());
      continue;
    }
    const fromMs = Date.now();
    await life.kill9();
    kills.push({ fromMs, untilMs: Date.now() + tearDownMs });
    onKill(lives(), lifeMs, life.output());
  }
  return lives();
};
