import { alwaysSample } from './always-sample.ts';
import { booleanAttribute } from './boolean-attribute.ts';
import { latency } from './latency.ts';
import { numericAttribute } from './numeric-attribute.ts';
import type { Policy } from './policy.ts';
import { probabilistic } from './probabilistic.ts';
import { rateLimiting } from './rate-limiting.ts';
import { statusCode } from './status-code.ts';
import { stringAttribute } from './string-attribute.ts';

/** What ships. One line per policy. */
export const policies: readonly Policy[] = [
  alwaysSample,
  booleanAttribute,
  latency,
  numericAttribute,
  probabilistic,
  rateLimiting,
  statusCode,
  stringAttribute,
];
