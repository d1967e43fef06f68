/**
 * The gRPC message frame: a flag byte (compressed?), a 32-bit length, the message.
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export const frameHeaderBytes = 5;

/** The header of an uncompressed or compressed frame. */
export const frameHeader = (length: number, compressed: boolean): Buffer => {
  const header = Buffer.allocUnsafe(frameHeaderBytes);
  header[0] = compressed ? 1 : 0;
  header.writeUInt32BE(length, 1);
  return header;
};

/** The one message of a unary call, or null when the body is not exactly one frame. */
export const readFrame = (body: Buffer): { compressed: boolean; message: Buffer } | null => {
  const flag = body[0];
  if (body.length < frameHeaderBytes || (flag !== 0 && flag !== 1)) return null;
  const length = body.readUInt32BE(1);
  if (length !== body.length - frameHeaderBytes) return null;
  return { compressed: flag === 1, message: body.subarray(frameHeaderBytes) };
};

/** `grpc-message` is percent-encoded and must not be endless. */
export const encodeGrpcMessage = (text: string): string => encodeURIComponent(text.slice(0, 1024));
export const decodeGrpcMessage = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

const timeoutUnitsMs = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1000],
  ['m', 1],
  ['u', 1e-3],
  ['n', 1e-6],
]);

/** `grpc-timeout` in milliseconds; null when absent or malformed. */
export const grpcTimeoutMs = (header: unknown): number | null => {
  const [, amount, unit] = /^(\d{1,8})([HMSmun])$/.exec(String(header)) ?? [];
  return amount === undefined || unit === undefined
    ? null
    : Number(amount) * (timeoutUnitsMs.get(unit) ?? 1);
};
