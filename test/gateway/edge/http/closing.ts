import { afterEach } from 'vitest';

/** What the tests of a file start: how to close it. After each test all of it is closed, in reverse: the gateway before its providers. */
export const closeAfterEach = (): (() => Promise<unknown>)[] => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });
  return closing;
};
