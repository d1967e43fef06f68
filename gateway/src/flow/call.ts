/**
 * One call, whole, in the order in which it happens:
 *
 *   identify -> enter -> receive -> steps (admit, reserve, ...) -> plan -> attempts -> deliver -> settle
 *
 * Each may end the call with a refusal; a step may also answer it.
 */
import { plain, refusalFor } from '../decide/refuse.ts';
import { CallRecord } from './call-record.ts';
import { attempts } from './attempts.ts';
import { deliver } from './deliver.ts';
import type { Effects } from './effects.ts';
import { identify } from './identify.ts';
import { receive } from './receive.ts';
import { pass, type AskedCall, type Step, type Verdict, type Way } from './step.ts';
import { refused, refusedFor, type Ending } from './ending.ts';

/** Where the way through the steps ended. */
interface Known {
  readonly verdict: Exclude<Verdict, { kind: 'pass' }>;
  /** The steps before the one that said so; an answer goes back through them, as a provider's would. */
  readonly before: readonly Step[];
}

/** The first verdict that ends the way through the steps; null: all let the call pass. */
const lookAll = async (
  steps: readonly Step[],
  call: AskedCall,
  on: Effects,
): Promise<Known | null> => {
  for (const [index, step] of steps.entries()) {
    const looked = step.look?.(call, on) ?? pass;
    // Most steps know at once; waiting for those all the same would cost every call a turn of the queue.
    const verdict = looked instanceof Promise ? await looked : looked;
    if (verdict.kind !== 'pass') return { verdict, before: steps.slice(0, index) };
  }
  return null;
};

/** The steps, and then what every target is sent. What the request became when it was read is not held over the call. */
const prepare = async (
  call: AskedCall,
  { steps, on }: Pick<Way, 'steps' | 'on'>,
): Promise<Known | null> => {
  const { request, targets } = call;
  try {
    const known = await lookAll(steps, call, on);
    if (known !== null) return known;
    const written = await request.write(targets);
    if (written.kind === 'ok') return null;
    return { verdict: { kind: 'refuse', refusal: refusalFor(written.problem) }, before: steps };
  } finally {
    request.close();
  }
};

/** A call that was understood, to its end. */
const serve = async (call: AskedCall, way: Way): Promise<Ending> => {
  const known = await prepare(call, way);
  if (known === null) return attempts(call, way);
  const { verdict, before } = known;
  switch (verdict.kind) {
    case 'refuse':
      return refused(verdict.refusal);
    case 'answer':
      return deliver(
        { reply: verdict.reply, cache: verdict.cache, call },
        { ...way, steps: before },
      );
  }
};

const tell = async (record: CallRecord, steps: readonly Step[], on: Effects): Promise<Ending> => {
  const identified = identify(record, on);
  const who = identified instanceof Promise ? await identified : identified;
  if (who.kind === 'bad') return refusedFor(who.problem);
  const caller = who.value;
  const obstacle = on.enter(caller);
  if (obstacle !== null) return refusedFor(obstacle);
  const received = await receive(caller, record, on);
  if (received.kind === 'bad') return refusedFor(received.problem);
  const request = received.value;
  const { parameters } = request;
  const { route, targets } = on.plan(parameters.model);
  record.learn({ route });
  const call = { facts: record.facts, caller, parameters, targets, request };
  return serve(call, { record, steps, on });
};

/** Serves one request and accounts for it, however it ends. Never throws. */
export const call = async (on: Effects, steps: readonly Step[]): Promise<void> => {
  const record = new CallRecord(on);
  const ending = await tell(record, steps, on).catch((error: unknown) => {
    on.bug(error);
    return refusedFor(plain('internal_error'), record.attempts);
  });
  try {
    void record.settle(ending);
    if (ending.refusal !== null) await on.refuse(ending.refusal, ending.attempts);
  } catch (error) {
    on.bug(error);
  }
};
