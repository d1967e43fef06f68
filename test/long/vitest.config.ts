/** `npm run long`: tests like those of the gate that take too long for it (`*.long.ts`). */
import { defineConfig } from 'vitest/config';
import gate from '../../vitest.config.ts';

export default defineConfig({
  ...gate,
  root: `${import.meta.dirname}/../..`,
  test: { ...gate.test, include: ['test/**/*.long.ts'] },
});
