import { pass, type Step } from '../step.ts';

/** Is there room for what this call may come to, in all its budgets and limits? If so it is held until the call is settled. */
export const reserve: Step = {
  name: 'reserve',
  look(call, on) {
    const refusal = on.reserve(call);
    return refusal === null ? pass : { kind: 'refuse', refusal };
  },
};
