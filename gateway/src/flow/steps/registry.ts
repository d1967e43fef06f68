import type { Step } from '../step.ts';
import { admit } from './admit.ts';
import { reserve } from './reserve.ts';

/** What happens to a call between its request and its providers, in this order; replies pass the steps the other way round. */
export const steps: readonly Step[] = [admit, reserve];
