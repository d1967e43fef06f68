import type { Identified } from '../decide/identify.ts';
import { unidentified } from '../decide/unidentified.ts';
import type { Caller } from '../model/call.ts';
import type { CallRecord } from './call-record.ts';
import type { Effects, Got } from './effects.ts';

const known = (who: Identified, record: CallRecord, on: Effects): Got<Caller> => {
  if (who.kind === 'unknown') return { kind: 'bad', problem: unidentified(who) };
  const { caller } = who;
  const said = on.identity();
  if (said.kind === 'bad') {
    record.learn({ caller });
    return said;
  }
  record.learn({ caller, identity: said.identity });
  return { kind: 'ok', value: caller };
};

/** Who calls, and on whose behalf? A promise only for a token that is not known yet. */
export const identify = (record: CallRecord, on: Effects): Got<Caller> | Promise<Got<Caller>> => {
  const who = on.identify();
  return who instanceof Promise
    ? who.then((found) => known(found, record, on))
    : known(who, record, on);
};
