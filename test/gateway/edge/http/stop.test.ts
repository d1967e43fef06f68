import { array, assert, boolean, nat, property, tuple } from 'fast-check';
import { expect, test } from 'vitest';
import { startStop } from '../../../../gateway/src/edge/http/stop.ts';

test('whoever still listens hears of the stop, once, and nobody who stopped listening', () => {
  assert(
    property(array(tuple(boolean(), nat())), (steps) => {
      const stop = startStop();
      const listening = new Map<number, () => void>();
      const heard: number[] = [];
      steps.forEach(([comes, which], i) => {
        if (comes) {
          listening.set(
            i,
            stop.listen(() => heard.push(i)),
          );
          return;
        }
        const [id, forget] = [...listening][which % Math.max(1, listening.size)] ?? [];
        if (id === undefined || forget === undefined) return;
        forget();
        // A call may end twice.
        forget();
        listening.delete(id);
      });
      expect(stop.isOver()).toBe(false);
      stop.now();
      expect(stop.isOver()).toBe(true);
      expect(heard.toSorted((a, b) => a - b)).toEqual([...listening.keys()]);
    }),
  );
});

test('listeners that leave while they hear of the stop keep nobody from hearing of it', () => {
  const stop = startStop();
  const heard: string[] = [];
  const forgets = ['a', 'b', 'c'].map((name) =>
    stop.listen(() => {
      heard.push(name);
      for (const forget of forgets) forget();
    }),
  );
  stop.now();
  expect(heard).toEqual(['a', 'b', 'c']);
});
