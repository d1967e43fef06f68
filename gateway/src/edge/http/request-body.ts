/** A body that was read -> what each target is sent, and how its reply comes back. */
import type { Got, Request } from '../../flow/effects.ts';
import type { Arrival } from '../../model/arrival.ts';
import type { Target } from '../../model/call.ts';
import { dialects } from '../../providers/dialects/registry.ts';
import { roadBack, type Prepared } from '../../providers/prepare.ts';
import { largeBytes, type ReadBody } from '../bodies/read-body.ts';
import type { Runtime } from '../runtime.ts';

/** Bodies for every target, made before anything is spent: what a target's dialect cannot say is refused at once. */
const prepareAll = async (
  targets: readonly Target[],
  body: ReadBody,
  arrival: Arrival,
  runtime: Runtime,
): Promise<Got<ReadonlyMap<Target, Prepared>>> => {
  const { operation } = arrival;
  const { ask } = body;
  const upstreams = targets.map(({ provider }) => runtime.upstream(provider));
  if (upstreams.some((upstream) => upstream.address(operation) === null)) {
    const message = `The model '${ask.model}' does not do ${operation}.`;
    return { kind: 'bad', problem: { code: 'unsupported_operation', message, param: 'model' } };
  }
  const written = await body.write(
    targets.map(({ model }, i) => ({ vendor: upstreams[i]?.provider.name ?? '', model })),
  );
  if (written.kind === 'bad') return written;
  const request = {
    dialect: dialects[arrival.dialect],
    operation,
    ask,
    head: {
      model: ask.model,
      createdSeconds: Math.floor(arrival.startedAtMs / 1000),
      fallbackId: arrival.id,
      wantsStreamUsage: ask.wantsStreamUsage,
    },
  };
  const { replyBytes, eventBytes } = runtime.config.limits;
  const limits = { maxReplyBytes: replyBytes, maxEventBytes: eventBytes };
  const prepared = new Map<Target, Prepared>();
  for (const [i, target] of targets.entries()) {
    const [made, upstream] = [written.bodies[i], upstreams[i]];
    if (made === undefined || upstream === undefined) throw new Error('a target has no body');
    prepared.set(target, { ...made, road: roadBack(request, upstream.provider, limits) });
  }
  return { kind: 'ok', value: prepared };
};

/** @param onPrepared told what goes to each target */
export const requestOf = (
  body: ReadBody,
  bytes: Uint8Array,
  {
    arrival,
    runtime,
    onPrepared,
  }: {
    readonly arrival: Arrival;
    readonly runtime: Runtime;
    onPrepared(prepared: ReadonlyMap<Target, Prepared>): void;
  },
): Request => ({
  ask: body.ask,
  bytes: bytes.length < largeBytes ? bytes : null,
  async write(targets) {
    const made = await prepareAll(targets, body, arrival, runtime);
    if (made.kind === 'bad') return made;
    onPrepared(made.value);
    return { kind: 'ok', value: null };
  },
  close: () => body.close(),
});
