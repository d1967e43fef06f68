import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Alarm } from '../../../../gateway/src/edge/ledger/alarm.ts';

test('it rings once, as soon as it was ever asked to, and stands still until it is set again', async () => {
  let rings = 0;
  const alarm = new Alarm(() => (rings += 1));
  alarm.within(3_600_000);
  alarm.within(1);
  alarm.within(3_600_000);
  await expect.poll(() => rings).toBe(1);
  await sleep(20);
  expect(rings).toBe(1);
  alarm.within(1);
  await expect.poll(() => rings).toBe(2);
});

test('stopped, it does not ring; and it may be set from within', async () => {
  let rings = 0;
  const alarm: Alarm = new Alarm(() => {
    rings += 1;
    if (rings < 3) alarm.within(1);
  });
  alarm.within(1);
  alarm.stop();
  await sleep(20);
  expect(rings).toBe(0);
  alarm.within(1);
  await expect.poll(() => rings).toBe(3);
});
