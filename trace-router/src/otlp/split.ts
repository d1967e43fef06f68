/**
 * Cuts a scanned request into one request per owner, copying byte ranges: nothing is decoded or encoded again, so
 * fields of a later OTLP version ride along. Resource, scope and schema_url are repeated for each owner that has a span
 * below them. Two passes: sizes from the inside out (a length stands before its content), then copies.
 *
 * Protobuf messages concatenate: parts of many requests put one behind the other are again one request.
 * https://protobuf.dev/programming-guides/encoding/#last-one-wins
 */
import { intList, item, push } from '../model/int-list.ts';
import type { IntList } from '../model/int-list.ts';
import { bytesTag, varintSize, writeVarint } from './protobuf.ts';
import type { Envelopes, Scan } from './scan.ts';

/** A request for one owner. */
export interface Part {
  readonly owner: number;
  readonly bytes: Buffer;
  readonly spans: number;
}

/** The owner of spans that belong in no part. */
export const nobody = -1;

/** Per owner: bytes collected in the envelope being measured, and in which envelope that was. */
interface Tally {
  bytes: Int32Array;
  seenIn: Int32Array;
}

/** A tally that has seen nothing yet, in the memory of an old one. */
const reset = (old: Tally, owners: number): Tally => {
  if (old.seenIn.length < owners) {
    old.bytes = new Int32Array(owners * 2);
    old.seenIn = new Int32Array(owners * 2);
  }
  old.seenIn.fill(-1, 0, owners);
  return old;
};

/** Who has something in each envelope and how much: pairs owner, bytes; envelope `i` owns [starts[i], starts[i + 1]). */
interface Sizes {
  readonly pairs: IntList;
  readonly starts: IntList;
}

/** Adds bytes to an owner's share of `envelope`; its first bytes there also pay for what the envelope repeats. */
const add = (
  to: Tally,
  envelope: { readonly index: number; readonly restBytes: number; readonly touched: IntList },
  owner: number,
  bytes: number,
): void => {
  if (to.seenIn[owner] !== envelope.index) {
    to.seenIn[owner] = envelope.index;
    to.bytes[owner] = envelope.restBytes;
    push(envelope.touched, owner);
  }
  to.bytes[owner] = (to.bytes[owner] ?? 0) + bytes;
};

/** Closes an envelope: writes down each owner's share of it. */
const settle = (from: Tally, touched: IntList, into: Sizes): void => {
  push(into.starts, into.pairs.length);
  for (let i = 0; i < touched.length; i += 1) {
    const owner = item(touched, i);
    push(into.pairs, owner);
    push(into.pairs, from.bytes[owner] ?? 0);
  }
  touched.length = 0;
};

const fieldSize = (bodyBytes: number): number => 1 + varintSize(bodyBytes) + bodyBytes;

// Scratch of `measure`, used from its start to the end of `split` and never across a turn of the loop: fresh lists for
// every request were an eighth of the router's CPU, in garbage collection.
const tallies = {
  scope: { bytes: new Int32Array(0), seenIn: new Int32Array(0) },
  resource: { bytes: new Int32Array(0), seenIn: new Int32Array(0) },
};
const scopeSizes: Sizes = { pairs: intList(), starts: intList() };
const resourceSizes: Sizes = { pairs: intList(), starts: intList() };
const scope = { index: 0, restBytes: 0, touched: intList(64) };
const resource = { index: 0, restBytes: 0, touched: intList(64) };

const measure = (scan: Scan, ownerOf: IntList, owners: number) => {
  const { scopes, resources } = scan;
  for (const { pairs, starts } of [scopeSizes, resourceSizes]) {
    pairs.length = 0;
    starts.length = 0;
  }
  const inScope = reset(tallies.scope, owners);
  const inResource = reset(tallies.resource, owners);
  const totals = new Int32Array(owners);
  const spanCounts = new Int32Array(owners);
  for (let r = 0; r < resources.count; r += 1) {
    resource.index = r;
    resource.restBytes = item(resources.restBytes, r);
    for (let s = item(resources.childFrom, r); s < item(resources.childTo, r); s += 1) {
      scope.index = s;
      scope.restBytes = item(scopes.restBytes, s);
      for (let i = item(scopes.childFrom, s); i < item(scopes.childTo, s); i += 1) {
        const owner = item(ownerOf, i);
        if (owner < 0) continue;
        spanCounts[owner] = (spanCounts[owner] ?? 0) + 1;
        add(inScope, scope, owner, item(scan.spanTo, i) - item(scan.spanFrom, i));
      }
      const first = scopeSizes.pairs.length;
      settle(inScope, scope.touched, scopeSizes);
      for (let p = first; p < scopeSizes.pairs.length; p += 2) {
        const bytes = fieldSize(item(scopeSizes.pairs, p + 1));
        add(inResource, resource, item(scopeSizes.pairs, p), bytes);
      }
    }
    const first = resourceSizes.pairs.length;
    settle(inResource, resource.touched, resourceSizes);
    for (let p = first; p < resourceSizes.pairs.length; p += 2) {
      const owner = item(resourceSizes.pairs, p);
      totals[owner] = (totals[owner] ?? 0) + fieldSize(item(resourceSizes.pairs, p + 1));
    }
  }
  push(scopeSizes.starts, scopeSizes.pairs.length);
  push(resourceSizes.starts, resourceSizes.pairs.length);
  return { totals, spanCounts };
};

const noBytes = Buffer.alloc(0);

/**
 * The parts of `scan` by owner: span `i` goes to `ownerOf[i]`, an integer in [0, owners), or to `nobody`.
 * Owners without a span get no part. Fields of the request itself that we do not know go to every part.
 * Null: the parts together would exceed `maxBytes` (a large resource repeated for many owners).
 */
export const split = (
  scan: Scan,
  ownerOf: IntList,
  owners: number,
  maxBytes: number,
): Part[] | null => {
  const { bytes, scopes, resources } = scan;
  const { totals, spanCounts } = measure(scan, ownerOf, owners);
  let requestRest = 0;
  for (let i = 0; i < scan.rest.length; i += 2)
    requestRest += item(scan.rest, i + 1) - item(scan.rest, i);

  const all = totals.reduce((sum, size) => (size === 0 ? sum : sum + size + requestRest), 0);
  if (all > maxBytes) return null;

  const out: Buffer[] = [];
  const at = new Int32Array(owners);
  const copy = (owner: number, from: number, to: number): void => {
    const place = at[owner] ?? 0;
    // not set(subarray()): making the view costs more than copying a span
    bytes.copy(out[owner] ?? noBytes, place, from, to);
    at[owner] = place + to - from;
  };
  const copyRest = (level: Envelopes, envelope: number, owner: number): void => {
    for (let i = item(level.restFrom, envelope); i < item(level.restTo, envelope); i += 2) {
      copy(owner, item(level.rest, i), item(level.rest, i + 1));
    }
  };
  /** Writes the head of envelope `index`, and what it repeats, for each owner that has something below. */
  const open = (level: Envelopes, sizes: Sizes, index: number, tag: number): void => {
    for (let p = item(sizes.starts, index); p < item(sizes.starts, index + 1); p += 2) {
      const owner = item(sizes.pairs, p);
      const target = out[owner] ?? noBytes;
      const place = at[owner] ?? 0;
      target[place] = tag;
      at[owner] = writeVarint(target, place + 1, item(sizes.pairs, p + 1));
      copyRest(level, index, owner);
    }
  };

  for (let owner = 0; owner < owners; owner += 1) {
    const size = totals[owner] ?? 0;
    if (size === 0) continue;
    out[owner] = Buffer.allocUnsafe(requestRest + size);
    for (let i = 0; i < scan.rest.length; i += 2)
      copy(owner, item(scan.rest, i), item(scan.rest, i + 1));
  }
  for (let r = 0; r < resources.count; r += 1) {
    open(resources, resourceSizes, r, bytesTag(1));
    for (let s = item(resources.childFrom, r); s < item(resources.childTo, r); s += 1) {
      open(scopes, scopeSizes, s, bytesTag(2));
      const last = item(scopes.childTo, s);
      for (let i = item(scopes.childFrom, s); i < last;) {
        const owner = item(ownerOf, i);
        const from = item(scan.spanFrom, i);
        let to = item(scan.spanTo, i);
        i += 1;
        // neighbours of one owner are one copy: spans of a trace usually come together
        while (i < last && item(ownerOf, i) === owner && item(scan.spanFrom, i) === to) {
          to = item(scan.spanTo, i);
          i += 1;
        }
        if (owner >= 0) copy(owner, from, to);
      }
    }
  }
  return out.flatMap((part, owner) => [{ owner, bytes: part, spans: spanCounts[owner] ?? 0 }]);
};
