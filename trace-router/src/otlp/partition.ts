import { intList, item, push } from '../model/int-list.ts';
import { startScanner } from './scan.ts';
import type { Scan } from './scan.ts';
import { split } from './split.ts';
import type { Part } from './split.ts';

export interface PartLimits {
  /** A larger part is cut into several. */
  readonly maxMessageBytes: number;
  /** Of all parts of a request together. */
  readonly maxPartsBytes: number;
}

/**
 * Cuts requests into one part for each owner of its slots, by index into the owners.
 * @param ownerOfSlot which of `owners` each slot belongs to
 * @returns null: the parts together would be too large
 */
export const startPartition = (
  ownerOfSlot: Uint16Array,
  owners: number,
  limits: PartLimits,
): ((scan: Scan) => readonly Part[] | null) => {
  // Scratch: used from the start of a call to its end.
  const ownerOf = intList();
  const rescan = startScanner();

  /** Cuts a part that is too large for one message; its spans keep their owner. */
  const cut = (part: Part): readonly Part[] => {
    if (part.bytes.length <= limits.maxMessageBytes) return [part];
    const scan = rescan(part.bytes);
    if (scan === null) return [part];
    const chunkOf = intList();
    // what the envelopes add is bounded by leaving them a quarter
    const most = limits.maxMessageBytes * 0.75;
    let [chunk, size] = [0, 0];
    for (let i = 0; i < scan.spans; i += 1) {
      const bytes = item(scan.spanTo, i) - item(scan.spanFrom, i);
      if (size > 0 && size + bytes > most) {
        chunk += 1;
        size = 0;
      }
      size += bytes;
      push(chunkOf, chunk);
    }
    const smaller = split(scan, chunkOf, chunk + 1, limits.maxPartsBytes);
    return smaller?.map((one) => ({ ...one, owner: part.owner })) ?? [part];
  };

  return (scan) => {
    ownerOf.length = 0;
    let single = scan.malformedSpans + scan.unidentifiedSpans === 0;
    const first = ownerOfSlot[item(scan.slot, 0)] ?? 0;
    for (let i = 0; i < scan.spans; i += 1) {
      const owner = ownerOfSlot[item(scan.slot, i)] ?? 0;
      if (owner !== first) single = false;
      push(ownerOf, owner);
    }
    // all of it goes to one member: the bytes as they came
    const parts = single
      ? [{ owner: first, bytes: scan.bytes, spans: scan.spans }]
      : split(scan, ownerOf, owners, limits.maxPartsBytes);
    return parts?.flatMap(cut) ?? null;
  };
};
