/**
 * Reads what the policies ask about a trace from its raw bytes: status, times and the values of chosen attributes.
 * Everything else is stepped over, which costs a tenth of decoding it.
 */
import type { FactReader, Scalar, StatusCode, TraceFacts } from '../model/trace.ts';
import type { Field } from './protobuf.ts';
import {
  bytesType,
  eachField,
  fixed64Type,
  readFixed64,
  readVarint64,
  varintType,
} from './protobuf.ts';

const statusCodes: readonly StatusCode[] = ['UNSET', 'OK', 'ERROR'];

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

const readStatus = (bytes: Buffer, from: number, to: number): StatusCode => {
  let code = 0n;
  eachField(bytes, from, to, (field) => {
    if (field.number === 3 && field.type === varintType) {
      code = readVarint64(bytes, { at: field.from }, field.to) ?? 0n;
    }
  });
  return statusCodes[Number(code)] ?? 'UNSET';
};

/** What is known of one trace, fragment by fragment. */
class Collector {
  readonly #wanted: ReadonlyMap<string, Buffer>;
  readonly #statuses = new Set<StatusCode>();
  readonly #attributes = new Map<string, Set<Scalar>>();
  #startNs: bigint | null = null;
  #endNs = 0n;
  /** The fragment that is being read. */
  #bytes: Buffer = Buffer.of();

  constructor(wanted: ReadonlyMap<string, Buffer>) {
    this.#wanted = wanted;
  }

  read(fragment: Buffer): void {
    this.#bytes = fragment;
    this.#each(0, fragment.length, (field) => {
      if (field.number === 1 && field.type === bytesType) this.#readResourceSpans(field);
    });
  }

  collected(): Pick<TraceFacts, 'durationMs' | 'statuses' | 'attributes'> {
    const [startNs, endNs] = [this.#startNs, this.#endNs];
    return {
      durationMs: startNs === null || endNs < startNs ? 0 : Number(endNs - startNs) / 1e6,
      statuses: this.#statuses,
      attributes: this.#attributes,
    };
  }

  #each(from: number, to: number, visit: (field: Field) => void): void {
    eachField(this.#bytes, from, to, visit);
  }

  #readResourceSpans({ from, to }: Field): void {
    this.#each(from, to, (field) => {
      if (field.type !== bytesType) return;
      if (field.number === 2) this.#readScopeSpans(field);
      else if (field.number === 1 && this.#wanted.size > 0) this.#readResource(field);
    });
  }

  #readResource({ from, to }: Field): void {
    this.#each(from, to, (field) => {
      if (field.number === 1 && field.type === bytesType) this.#readAttribute(field);
    });
  }

  #readScopeSpans({ from, to }: Field): void {
    this.#each(from, to, (field) => {
      if (field.number === 2 && field.type === bytesType) this.#readSpan(field);
    });
  }

  #readSpan({ from, to }: Field): void {
    let status: StatusCode = 'UNSET';
    this.#each(from, to, (field) => {
      if (field.number === 9 && field.type === bytesType) {
        if (this.#wanted.size > 0) this.#readAttribute(field);
      } else if (field.number === 15 && field.type === bytesType) {
        status = readStatus(this.#bytes, field.from, field.to);
      } else if (field.number === 7 && field.type === fixed64Type) {
        const start = readFixed64(this.#bytes, field.from);
        if (start !== 0n && (this.#startNs === null || start < this.#startNs))
          this.#startNs = start;
      } else if (field.number === 8 && field.type === fixed64Type) {
        const end = readFixed64(this.#bytes, field.from);
        if (end > this.#endNs) this.#endNs = end;
      }
    });
    this.#statuses.add(status);
  }

  /** Reads a KeyValue if its key is wanted. Keys are compared as bytes: most are not wanted, and need no text. */
  #readAttribute({ from, to }: Field): void {
    let [keyFrom, keyTo, valueFrom, valueTo] = [0, 0, 0, 0];
    this.#each(from, to, (field) => {
      if (field.type !== bytesType) return;
      if (field.number === 1) [keyFrom, keyTo] = [field.from, field.to];
      else if (field.number === 2) [valueFrom, valueTo] = [field.from, field.to];
    });
    for (const [key, encoded] of this.#wanted) {
      if (encoded.length !== keyTo - keyFrom) continue;
      if (this.#bytes.compare(encoded, 0, encoded.length, keyFrom, keyTo) !== 0) continue;
      const value = readScalar(this.#bytes, valueFrom, valueTo);
      if (value === null) return;
      const values = this.#attributes.get(key) ?? new Set();
      this.#attributes.set(key, values.add(value));
      return;
    }
  }
}

/** A reader of facts for policies that want these attribute keys. Bytes that do not parse add nothing. */
export const startFactReader = (keys: Iterable<string>): FactReader => {
  const wanted = new Map([...keys].map((key) => [key, Buffer.from(key)]));
  return ({ traceId, spans, fragments }) => {
    const collector = new Collector(wanted);
    let sizeBytes = 0;
    for (const fragment of fragments) {
      sizeBytes += fragment.length;
      collector.read(fragment);
    }
    return { traceId, spans, sizeBytes, ...collector.collected() };
  };
};
