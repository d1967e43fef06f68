import { plain } from '../decide/refuse.ts';
import type { Caller } from '../model/call.ts';
import type { CallRecord } from './call-record.ts';
import type { Effects, Got } from './effects.ts';

/** Who calls, and on whose behalf? */
export const identify = (record: CallRecord, on: Effects): Got<Caller> => {
  const who = on.identify();
  if (who.kind === 'unknown') return { kind: 'bad', problem: plain('invalid_api_key') };
  const { caller } = who;
  const said = on.identity();
  if (said.kind === 'bad') {
    record.learn({ caller });
    return said;
  }
  record.learn({ caller, identity: said.identity });
  return { kind: 'ok', value: caller };
};
