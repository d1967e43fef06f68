import { expect, test } from 'vitest';
import type { Client } from '../../../../gateway/src/edge/http/client.ts';
import { deliver } from '../../../../gateway/src/edge/http/delivery.ts';
import { noMoney } from '../../../../gateway/src/model/money.ts';
import type { Reply } from '../../../../gateway/src/model/reply.ts';

test('a client that hung up in the turn of the first piece gets no response, and no stream counts as open', async () => {
  const told: string[] = [];
  let hangUp = (): void => {};
  const client: Client = {
    gone: () => false,
    isSlow: () => false,
    onGone(listener) {
      hangUp = listener;
      return () => told.push('forgotten');
    },
    isStopped: () => false,
    onStopped: () => () => {},
    begun: () => false,
    begin: () => told.push('begun'),
    write: () => true,
    whenDrained() {},
    ready: () => Promise.resolve(),
    end: () => Promise.resolve(),
  };
  const reply: Reply = {
    head: () => ({ isStream: true, headers: {} }),
    start(reader) {
      reader.piece({ bytes: Buffer.from('data: 1\n\n'), deltas: [] });
      hangUp();
    },
    pause() {},
    resume() {},
    leave: () => told.push('left'),
  };
  const booked = () => Promise.resolve({ isDurable: true, cost: noMoney });
  const delivery = await deliver({
    client,
    reply,
    delivering: {
      stream: true,
      tries: 1,
      cache: 'off',
      elsewhereMs: () => 0,
      settle: booked,
      keep: booked,
    },
    holdMs: Infinity,
    headers: () => ({}),
    onStream: () => told.push('stream'),
    failed: () => new Uint8Array(),
  });
  expect(delivery).toEqual({ kind: 'hung_up', isSlow: false });
  expect(told).toEqual(['left', 'forgotten']);
});
