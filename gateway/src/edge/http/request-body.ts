/** A body that was read -> what each target is sent, and how its reply comes back. */
import type { Got, Request } from '../../flow/effects.ts';
import type { Arrival } from '../../model/arrival.ts';
import type { Target } from '../../model/call.ts';
import { clientDialects } from '../../dialects/registry.ts';
import { prepared, type Prepared } from '../../translate/request.ts';
import type { WriteFor } from '../bodies/messages.ts';
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
  const { parameters } = body;
  const wanted: (WriteFor & { readonly target: Target })[] = [];
  for (const target of targets) {
    const { provider, model } = target;
    const speech = runtime.upstream(provider).endpoint.speaks(operation, model);
    if (speech === null) {
      const message = `The model '${parameters.model}' does not do ${operation}.`;
      return { kind: 'bad', problem: { code: 'unsupported_operation', message, param: 'model' } };
    }
    wanted.push({ target, speech, model });
  }
  const written = await body.write(wanted.map(({ speech, model }) => ({ speech, model })));
  if (written.kind === 'bad') return written;
  const request = {
    dialect: clientDialects[arrival.dialect],
    operation,
    parameters,
    head: {
      model: parameters.model,
      createdSeconds: Math.floor(arrival.startedAtMs / 1000),
      fallbackId: arrival.id,
      wantsStreamUsage: parameters.wantsStreamUsage,
    },
  };
  const { replyBytes, eventBytes } = runtime.config.limits;
  const limits = { maxReplyBytes: replyBytes, maxEventBytes: eventBytes };
  const all = new Map<Target, Prepared>();
  for (const [i, { target, speech }] of wanted.entries()) {
    const made = written.bodies[i];
    if (made === undefined) throw new Error('a target has no body');
    all.set(target, prepared(made, request, speech, limits));
  }
  return { kind: 'ok', value: all };
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
  parameters: body.parameters,
  prompt: () => body.prompt(),
  inputTokens: () => body.inputTokens(),
  bytes: bytes.length < largeBytes ? bytes : null,
  async write(targets) {
    const made = await prepareAll(targets, body, arrival, runtime);
    if (made.kind === 'bad') return made;
    onPrepared(made.value);
    return { kind: 'ok', value: null };
  },
  close: () => body.close(),
});
