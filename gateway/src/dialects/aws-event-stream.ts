/**
 * AWS event streams: frames of headers and a payload, with checksums.
 * https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html
 */
import { crc32 } from 'node:zlib';
import { FramingError } from './framing.ts';

export interface AwsFrame {
  /** Those whose value is text. */
  readonly headers: ReadonlyMap<string, string>;
  readonly payload: Buffer;
}

/** Length of the frame, length of its headers, checksum of both. */
const preludeBytes = 12;
const checksumBytes = 4;
const textType = 7;
/** Bytes of a header's value by its type; text and bytes say their own length in two. */
const valueBytes: ReadonlyMap<number, number> = new Map([
  [0, 0],
  [1, 0],
  [2, 1],
  [3, 2],
  [4, 4],
  [5, 8],
  [8, 8],
  [9, 16],
]);

const garbled = (): FramingError =>
  new FramingError('invalid_event', "The provider's stream is garbled.");

const headersOf = (bytes: Buffer): ReadonlyMap<string, string> => {
  const headers = new Map<string, string>();
  let at = 0;
  while (at < bytes.length) {
    const nameEnd = at + 1 + bytes.readUInt8(at);
    const name = bytes.toString('utf8', at + 1, nameEnd);
    const type = bytes.readUInt8(nameEnd);
    const ownLength = valueBytes.get(type);
    const start = ownLength === undefined ? nameEnd + 3 : nameEnd + 1;
    at = start + (ownLength ?? bytes.readUInt16BE(nameEnd + 1));
    if (at > bytes.length) throw garbled();
    if (type === textType) headers.set(name, bytes.toString('utf8', start, at));
  }
  return headers;
};

const frameOf = (frame: Buffer): AwsFrame => {
  const headersEnd = preludeBytes + frame.readUInt32BE(4);
  const end = frame.length - checksumBytes;
  if (headersEnd > end || crc32(frame.subarray(0, end)) !== frame.readUInt32BE(end))
    throw garbled();
  try {
    return {
      headers: headersOf(frame.subarray(preludeBytes, headersEnd)),
      payload: frame.subarray(headersEnd, end),
    };
  } catch (error) {
    // A length that points behind the end.
    throw error instanceof RangeError ? garbled() : error;
  }
};

/** Reads frames at any split of the bytes. @throws FramingError */
export const startAwsFrames = (
  maxFrameBytes: number,
): ((chunk: Uint8Array) => readonly AwsFrame[]) => {
  let chunks: Uint8Array[] = [];
  let size = 0;
  /** Of the frame that comes; 0: not known yet. */
  let wanted = 0;
  return (chunk) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size < Math.max(wanted, preludeBytes)) return [];
    const bytes = Buffer.concat(chunks, size);
    const frames: AwsFrame[] = [];
    let at = 0;
    wanted = 0;
    while (bytes.length - at >= preludeBytes) {
      const length = bytes.readUInt32BE(at);
      if (crc32(bytes.subarray(at, at + 8)) !== bytes.readUInt32BE(at + 8)) throw garbled();
      if (length > maxFrameBytes)
        throw new FramingError(
          'event_too_large',
          `The provider sent a stream event larger than ${maxFrameBytes} bytes (limits.event).`,
        );
      if (length < preludeBytes + checksumBytes) throw garbled();
      wanted = length;
      if (bytes.length - at < length) break;
      frames.push(frameOf(bytes.subarray(at, at + length)));
      at += length;
      wanted = 0;
    }
    const rest = bytes.subarray(at);
    chunks = rest.length === 0 ? [] : [rest];
    size = rest.length;
    return frames;
  };
};
