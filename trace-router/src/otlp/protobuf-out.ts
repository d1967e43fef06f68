/** Writes small protobuf messages: OTLP/JSON requests, responses, statuses. Spans on the fast path never come here. */

const varint = (value: bigint): Buffer => {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest >= 0x80n) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Buffer.from(out);
};
const tag = (field: number, type: number): Buffer => varint(BigInt(field * 8 + type));

export const varintField = (field: number, value: bigint | number): Buffer =>
  Buffer.concat([tag(field, 0), varint(BigInt(value))]);

export const bytesField = (field: number, value: Buffer | string): Buffer => {
  const body = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([tag(field, 2), varint(BigInt(body.length)), body]);
};

export const fixed64Field = (field: number, value: bigint): Buffer => {
  const body = Buffer.alloc(8);
  body.writeBigUInt64LE(BigInt.asUintN(64, value));
  return Buffer.concat([tag(field, 1), body]);
};

export const doubleField = (field: number, value: number): Buffer => {
  const body = Buffer.alloc(8);
  body.writeDoubleLE(value);
  return Buffer.concat([tag(field, 1), body]);
};

export const fixed32Field = (field: number, value: number): Buffer => {
  const body = Buffer.alloc(4);
  body.writeUInt32LE(value >>> 0);
  return Buffer.concat([tag(field, 5), body]);
};
