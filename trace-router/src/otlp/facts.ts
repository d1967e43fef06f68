/**
 * Reads what the policies ask about a trace from its raw bytes: status, times and the values of chosen attributes.
 * Everything else is stepped over, which costs a tenth of decoding it.
 */
import type { FactReader, Scalar, StatusCode } from '../model/trace.ts';
import {
  bytesType,
  eachField,
  fixed64Type,
  readFixed64,
  readVarint64,
  varintType,
} from './protobuf.ts';

const statusCodes: readonly StatusCode[] = ['UNSET', 'OK', 'ERROR'];

interface Collected {
  startNs: bigint | null;
  endNs: bigint;
  readonly statuses: Set<StatusCode>;
  readonly attributes: Map<string, Set<Scalar>>;
}

/** Fields of AnyValue that hold one scalar; null for lists, maps and bytes. */
const readScalar = (bytes: Buffer, from: number, to: number): Scalar | null => {
  let value: Scalar | null = null;
  eachField(bytes, from, to, (field) => {
    if (field.number === 1 && field.type === bytesType) {
      value = bytes.toString('utf8', field.from, field.to);
    } else if (field.number === 2 && field.type === varintType) {
      value = bytes[field.from] !== 0;
    } else if (field.number === 3 && field.type === varintType) {
      const integer = readVarint64(bytes, { at: field.from }, field.to);
      value = integer === null ? null : BigInt.asIntN(64, integer);
    } else if (field.number === 4 && field.type === fixed64Type) {
      value = bytes.readDoubleLE(field.from);
    }
  });
  return value;
};

/** Reads a KeyValue if its key is wanted. Keys are compared as bytes: most are not wanted, and need no text. */
const readAttribute = (
  bytes: Buffer,
  from: number,
  to: number,
  wanted: ReadonlyMap<string, Buffer>,
  into: Collected,
): void => {
  let [keyFrom, keyTo, valueFrom, valueTo] = [0, 0, 0, 0];
  eachField(bytes, from, to, (field) => {
    if (field.type !== bytesType) return;
    if (field.number === 1) [keyFrom, keyTo] = [field.from, field.to];
    else if (field.number === 2) [valueFrom, valueTo] = [field.from, field.to];
  });
  for (const [key, encoded] of wanted) {
    if (encoded.length !== keyTo - keyFrom) continue;
    if (bytes.compare(encoded, 0, encoded.length, keyFrom, keyTo) !== 0) continue;
    const value = readScalar(bytes, valueFrom, valueTo);
    if (value === null) return;
    const values = into.attributes.get(key) ?? new Set();
    into.attributes.set(key, values.add(value));
    return;
  }
};

const readStatus = (bytes: Buffer, from: number, to: number): StatusCode => {
  let code = 0n;
  eachField(bytes, from, to, (field) => {
    if (field.number === 3 && field.type === varintType) {
      code = readVarint64(bytes, { at: field.from }, field.to) ?? 0n;
    }
  });
  return statusCodes[Number(code)] ?? 'UNSET';
};

const readSpan = (
  bytes: Buffer,
  from: number,
  to: number,
  wanted: ReadonlyMap<string, Buffer>,
  into: Collected,
): void => {
  let status: StatusCode = 'UNSET';
  eachField(bytes, from, to, (field) => {
    if (field.number === 9 && field.type === bytesType) {
      if (wanted.size > 0) readAttribute(bytes, field.from, field.to, wanted, into);
    } else if (field.number === 15 && field.type === bytesType) {
      status = readStatus(bytes, field.from, field.to);
    } else if (field.number === 7 && field.type === fixed64Type) {
      const start = readFixed64(bytes, field.from);
      if (start !== 0n && (into.startNs === null || start < into.startNs)) into.startNs = start;
    } else if (field.number === 8 && field.type === fixed64Type) {
      const end = readFixed64(bytes, field.from);
      if (end > into.endNs) into.endNs = end;
    }
  });
  into.statuses.add(status);
};

/** A reader of facts for policies that want these attribute keys. Bytes that do not parse add nothing. */
export const createFactReader = (keys: Iterable<string>): FactReader => {
  const wanted = new Map([...keys].map((key) => [key, Buffer.from(key)]));
  const readRequest = (bytes: Buffer, into: Collected): void => {
    const inScope = (from: number, to: number) =>
      eachField(bytes, from, to, (field) => {
        if (field.number === 2 && field.type === bytesType)
          readSpan(bytes, field.from, field.to, wanted, into);
      });
    const inResource = (from: number, to: number) =>
      eachField(bytes, from, to, (field) => {
        if (field.number === 1 && field.type === bytesType)
          readAttribute(bytes, field.from, field.to, wanted, into);
      });
    const inResourceSpans = (from: number, to: number) =>
      eachField(bytes, from, to, (field) => {
        if (field.type !== bytesType) return;
        if (field.number === 2) inScope(field.from, field.to);
        else if (field.number === 1 && wanted.size > 0) inResource(field.from, field.to);
      });
    eachField(bytes, 0, bytes.length, (field) => {
      if (field.number === 1 && field.type === bytesType) inResourceSpans(field.from, field.to);
    });
  };
  return (trace) => {
    const into: Collected = {
      startNs: null,
      endNs: 0n,
      statuses: new Set(),
      attributes: new Map(),
    };
    for (const piece of trace.pieces) readRequest(piece, into);
    const { startNs, endNs } = into;
    return {
      traceId: trace.traceId,
      spans: trace.spans,
      sizeBytes: trace.pieces.reduce((sum, piece) => sum + piece.length, 0),
      durationMs: startNs === null || endNs < startNs ? 0 : Number(endNs - startNs) / 1e6,
      statuses: into.statuses,
      attributes: into.attributes,
    };
  };
};
