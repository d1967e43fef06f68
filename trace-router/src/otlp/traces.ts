import { intList, item, push } from '../model/int-list.ts';
import type { Fragment } from '../model/trace.ts';
import type { Scan } from './scan.ts';
import { nobody, split } from './split.ts';

/**
 * The traces among the spans [from, to) of a request, each a request of its own. Null: together they would be too
 * large.
 */
export const tracesOf = (
  scan: Scan,
  from: number,
  to: number,
  maxBytes: number,
): Fragment[] | null => {
  const { bytes } = scan;
  const numberOf = new Map<string, number>();
  const ids: string[] = [];
  const roots: boolean[] = [];
  const ownerOf = intList(Math.max(1, scan.spans));
  for (let i = 0; i < from; i += 1) push(ownerOf, nobody);
  for (let i = from; i < to; i += 1) {
    const at = item(scan.traceIdAt, i);
    const traceId = bytes.toString('hex', at, at + 16);
    let number = numberOf.get(traceId);
    if (number === undefined) {
      number = ids.length;
      numberOf.set(traceId, number);
      ids.push(traceId);
      roots.push(false);
    }
    if (item(scan.root, i) === 1) roots[number] = true;
    push(ownerOf, number);
  }
  for (let i = to; i < scan.spans; i += 1) push(ownerOf, nobody);
  const parts = split(scan, ownerOf, ids.length, maxBytes);
  return (
    parts?.map(({ owner, bytes: part, spans }) => ({
      traceId: ids[owner] ?? '',
      bytes: part,
      spans,
      hasRoot: roots[owner] ?? false,
    })) ?? null
  );
};
