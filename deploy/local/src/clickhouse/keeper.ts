/**
 * Keeps an engine's process running: starts it again when it dies, with longer and longer pauses, for ever; replaces it by a
 * new one before the memory it does not give back hurts. Requests that come meanwhile wait; an insert is never cut.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { holderOf } from '../lock.ts';
import type { Counters } from './counters.ts';
import type { Engine } from './engine.ts';
import { engineLock, startEngineChild } from './engine-child.ts';
import type { EngineChild, EngineOptions } from './engine-child.ts';
import { engineGone } from './errors.ts';
import { judge } from './recycle.ts';
import type { RecycleLimits, RecycleReason } from './recycle.ts';
import { measure, openOn, startShift, tidy } from './shift.ts';
import type { Shift } from './shift.ts';

export interface KeeperOptions extends EngineOptions, RecycleLimits {
  /** How long a request waits for an engine that is being started before it is told to come back. */
  readonly waitMs: number;
  /** How long an engine may say nothing before it is killed. */
  readonly silentMs: number;
  /** How long the first start waits for an engine that still holds the directory. */
  readonly heldMs: number;
  readonly counters: Counters;
  readonly log: (line: string) => void;
  /** Called before an engine is replaced: connections that nobody uses at the moment must be closed. */
  readonly letGo: () => void;
}

export interface Keeper extends Engine {
  /** The engine that runs; null while none does. */
  readonly running: () => EngineChild | null;
  /** Ends the engine: reads are cancelled, inserts finish. Resolves when its process is gone. */
  readonly stop: () => Promise<void>;
}

interface State {
  readonly options: KeeperOptions;
  current: Shift | null;
  /** The one that serves, and one that is being replaced. */
  readonly alive: Set<Shift>;
  closing: boolean;
  replacing: Promise<void> | null;
  /** No judgement before. */
  restUntilMs: number;
  /** Resolved when an engine serves, and then made anew. */
  next: PromiseWithResolvers<undefined>;
}

const lookMs = 250;
const [firstBackoffMs, maxBackoffMs] = [200, 10_000];
/** Replacing: reads are cancelled after the first; after the second it is put off, so that nobody waits for long. */
const [cancelAfterMs, putOffAfterMs, restMs] = [10_000, 20_000, 30_000];
/** How long a process that was told to end may take. */
const endMs = 30_000;

/** True: it came within the time. */
const within = async (event: Promise<unknown>, ms: number): Promise<boolean> => {
  const late = new AbortController();
  const timer = sleep(ms, false, { signal: late.signal }).catch(() => false);
  const came = await Promise.race([event.then(() => true), timer]);
  late.abort();
  return came;
};

const endChild = async ({ end, ended, kill }: EngineChild): Promise<void> => {
  end();
  if (!(await within(ended, endMs))) kill();
  await ended;
};

/** Makes it the one that serves, and starts another one when it dies. */
const serve = (on: State, shift: Shift): void => {
  on.current = shift;
  on.next.resolve(undefined);
  on.next = Promise.withResolvers();
};

const take = (on: State, child: EngineChild): void => {
  const { counters, log } = on.options;
  const shift = startShift(child);
  counters.add('engine_starts');
  const crashed = async () => {
    const how = await child.ended;
    on.alive.delete(shift);
    shift.idle?.();
    // One that is being replaced, or was told to end, is not the current one.
    if (on.current !== shift) return;
    on.current = null;
    counters.add('engine_crashes');
    log(`the engine ended (${how}); starting it again`);
    await launch(on, firstBackoffMs);
  };
  on.alive.add(shift);
  void crashed();
  serve(on, shift);
};

const launch = async (on: State, backoffMs: number): Promise<void> => {
  let pauseMs = backoffMs;
  for (;;) {
    if (pauseMs > 0) await sleep(pauseMs);
    if (on.closing) return;
    const started = await startEngineChild(on.options);
    if (started.kind === 'serving') {
      if (on.closing) await endChild(started.engine);
      else take(on, started.engine);
      return;
    }
    if (started.kind === 'failed') on.options.log(`the engine does not start: ${started.why}`);
    pauseMs = Math.min(Math.max(pauseMs * 2, firstBackoffMs), maxBackoffMs);
  }
};

/** Lets running requests end, then puts a new process in the place of this one. New requests wait. */
const replace = async (on: State, shift: Shift, why: RecycleReason): Promise<void> => {
  const { counters, letGo, log } = on.options;
  on.current = null;
  letGo();
  const idle = new Promise<void>((resolve) => {
    shift.idle = resolve;
  });
  if (shift.busy > 0 && !(await within(idle, cancelAfterMs))) {
    shift.clearing = true;
    shift.child.call({ do: 'cancel', what: { kind: 'reads' } }).catch(() => {});
    if (!(await within(idle, putOffAfterMs - cancelAfterMs))) {
      log(`the engine is not replaced yet (${why}): an insert has been running for long`);
      shift.clearing = false;
      on.restUntilMs = performance.now() + restMs;
      serve(on, shift);
      return;
    }
  }
  await endChild(shift.child);
  counters.add('engine_recycles', why);
  on.restUntilMs = performance.now() + restMs;
  await launch(on, 0);
};

/**
 * Kills an engine whose process lives and whose event loop does not turn: nothing would ever be answered. Counted in looks and
 * not by the clock, so that a pause of the whole machine or of this process is not taken for one of the engine. What it was
 * asked is answered with 503; inserts are safe by their tokens.
 */
const endSilent = ({ alive, options }: State): void => {
  for (const shift of alive) {
    const reports = shift.child.reports();
    shift.silentLooks = reports === shift.reports ? shift.silentLooks + 1 : 0;
    shift.reports = reports;
    if (shift.silentLooks !== Math.ceil(options.silentMs / lookMs)) continue;
    options.counters.add('engine_silent');
    options.log(`the engine has said nothing for ${options.silentMs} ms; it is killed`);
    shift.child.kill();
  }
};

/** Looks at the engine's memory and does what `judge` says. */
const look = (on: State): void => {
  endSilent(on);
  const { current: shift, options } = on;
  if (shift === null || shift.tidying || performance.now() < on.restUntilMs) return;
  const measured = measure(shift);
  const verdict = judge(measured, options);
  // A process that has just died is seen elsewhere.
  if (verdict.kind === 'tidy') tidy(shift).catch(() => {});
  if (verdict.kind !== 'recycle') return;
  const { why } = verdict;
  const held = `${Math.round(measured.rssBytes / 1024 ** 2)} MiB in memory, ${measured.failures} failed queries`;
  options.log(`the engine is replaced by a new one (${why}; ${held})`);
  on.replacing = replace(on, shift, why);
};

/** The engine that serves, when there is one within the time. @throws Refusal 439 */
const serving = async (on: State, untilMs: number): Promise<Shift> => {
  for (;;) {
    if (on.current !== null) return on.current;
    const leftMs = untilMs - performance.now();
    if (leftMs > 0 && !on.closing && (await within(on.next.promise, leftMs))) continue;
    on.options.counters.add('engine_away');
    throw engineGone();
  }
};

/** @throws Error when it cannot be started, or another process keeps the directory. */
const startFirst = async (options: KeeperOptions): Promise<EngineChild> => {
  const untilMs = performance.now() + options.heldMs;
  for (let said = false; ; said = true) {
    const started = await startEngineChild(options);
    if (started.kind === 'serving') return started.engine;
    const { engineDir, log } = options;
    if (started.kind === 'failed') throw new Error(`cannot open ${engineDir}: ${started.why}`);
    const inUse = `${engineDir} is in use${holderOf(engineLock(options.scratchDir))}`;
    if (performance.now() > untilMs) throw new Error(inUse);
    if (!said) log(`${inUse}; waiting until it is free`);
    await sleep(firstBackoffMs);
  }
};

/**
 * Starts the first engine and keeps one running from then on.
 * @throws Error when the first one cannot be started, or another process keeps the directory.
 */
export const startKeeper = async (options: KeeperOptions): Promise<Keeper> => {
  const first = await startFirst(options);
  const on: State = {
    options,
    current: null,
    alive: new Set(),
    closing: false,
    replacing: null,
    restUntilMs: 0,
    next: Promise.withResolvers(),
  };
  take(on, first);
  const timer = setInterval(() => look(on), lookMs);
  let lastConnection = 0;
  return {
    ...first.facts,
    async open() {
      const untilMs = performance.now() + options.waitMs;
      for (;;) {
        const shift = await serving(on, untilMs);
        lastConnection += 1;
        try {
          return await openOn(shift, lastConnection);
        } catch (error) {
          // When the process died, nothing of the request has run yet: the next one may have it.
          if (on.current === shift || performance.now() > untilMs) throw error;
        }
      }
    },
    async cancel(what) {
      await Promise.all([...on.alive].map(({ child }) => child.call({ do: 'cancel', what })));
    },
    running: () => on.current?.child ?? null,
    async stop() {
      on.closing = true;
      clearInterval(timer);
      on.next.resolve(undefined);
      await on.replacing;
      const { current } = on;
      on.current = null;
      if (current !== null) await endChild(current.child);
    },
  };
};
