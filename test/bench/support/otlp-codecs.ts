/** Splitting one request in this process: our scanner, and decoding it whole. */
import { startScanner } from '../../../trace-router/src/otlp/scan.ts';
import { fillSlots } from '../../../trace-router/src/decide/slots.ts';
import { split } from '../../../trace-router/src/otlp/split.ts';
import { intList, item, push } from '../../../trace-router/src/model/int-list.ts';
import { requestType } from '../../trace-router/otlp-proto.ts';

/** CPU microseconds of one call, in this process: the best of `rounds`. */
const inProcess = (work: () => void, rounds: number): number => {
  for (let i = 0; i < 20; i += 1) work();
  let best = Infinity;
  for (let round = 0; round < rounds; round += 1) {
    const before = process.cpuUsage();
    let calls = 0;
    for (const until = performance.now() + 300; performance.now() < until; calls += 1) work();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / calls);
  }
  return best;
};

/** CPU microseconds of one request of both ways. */
export const codecs = (body: Buffer, rounds: number) => {
  const table = fillSlots([0, 1, 2, 3].map((n) => ({ name: `m${n}`, weight: 1 })));
  const scan = startScanner();
  const ownerOf = intList();
  const ours = () => {
    const found = scan(body);
    if (found === null) throw new Error('not a request');
    ownerOf.length = 0;
    for (let i = 0; i < found.spans; i += 1) push(ownerOf, table.owner[item(found.slot, i)] ?? 0);
    split(found, ownerOf, 4, Number.MAX_SAFE_INTEGER);
  };
  const decoding = () => {
    const request = requestType.toObject(requestType.decode(body), { defaults: false });
    const parts = [0, 1, 2, 3].map((owner) => ({
      ...request,
      resourceSpans: request['resourceSpans'].map(
        (r: { scopeSpans: { spans: { traceId: Buffer }[] }[] }) => ({
          ...r,
          scopeSpans: r.scopeSpans.map((s) => ({
            ...s,
            spans: s.spans.filter(({ traceId }) => ((traceId[15] ?? 0) & 3) === owner),
          })),
        }),
      ),
    }));
    for (const part of parts) requestType.encode(part).finish();
  };
  return { ours: inProcess(ours, rounds), decoding: inProcess(decoding, Math.min(rounds, 3)) };
};
