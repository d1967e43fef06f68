/** Callers who remember which of their calls were answered. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningGateway } from '../fakes/gateway.ts';

export interface Answered {
  readonly callId: string;
  /** What the reply said it cost; null: it said nothing. */
  readonly costUsd: string | null;
  /** When the last byte was here, by the monotonic clock. */
  readonly atMs: number;
}

export interface Callers {
  readonly answered: readonly Answered[];
  /** Statuses of all replies, with how many there were. */
  readonly statuses: ReadonlyMap<number, number>;
  /** No further call; resolves when those on the way are over. */
  stop(): Promise<void>;
}

const body = JSON.stringify({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user', content: 'hello' }],
});

/** `width` callers, one call after the other each. A refused or failed call is followed by a short pause. */
export const startCallers = (
  gateway: Pick<RunningGateway, 'url' | 'key'>,
  width: number,
): Callers => {
  const answered: Answered[] = [];
  const statuses = new Map<number, number>();
  let stopped = false;
  const one = async (): Promise<number> => {
    const reply = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${gateway.key}`,
        traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
      },
    });
    await reply.text();
    const callId = reply.headers.get('x-tollgate-call-id') ?? '';
    const costUsd = reply.headers.get('x-tollgate-cost-usd');
    if (reply.status === 200) answered.push({ callId, costUsd, atMs: performance.now() });
    return reply.status;
  };
  const caller = async (): Promise<void> => {
    while (!stopped) {
      const status = await one().catch(() => 0);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status !== 200) await sleep(20);
    }
  };
  const all = Promise.all(Array.from({ length: width }, caller));
  return {
    answered,
    statuses,
    async stop() {
      stopped = true;
      await all;
    },
  };
};
