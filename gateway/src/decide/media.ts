/**
 * Tokens of images and audio in a prompt, by the rules that providers publish, for when a provider did not count them:
 * https://platform.openai.com/docs/guides/images-vision#calculating-costs (tiles of 512 pixels),
 * https://docs.anthropic.com/en/docs/build-with-claude/vision#calculate-image-costs (pixels over 750),
 * https://platform.openai.com/docs/guides/realtime-costs (a token for a tenth of a second of audio).
 */
import { isObject, objectAt, textAt, type JsonObject } from '../model/json.ts';

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Of what is not in the request itself, or in a format that is not read here. */
const usualSize: Size = { width: 1024, height: 1024 };
/** What stands before the size in a JPEG file: previews and notes of cameras. */
const maxHeaderBytes = 192 * 1024;

/** The first bytes of base64. */
const beginning = (base64: string, bytes: number): Buffer =>
  Buffer.from(base64.slice(0, Math.ceil(bytes / 3) * 4), 'base64').subarray(0, bytes);

/** https://www.w3.org/TR/png/#11IHDR */
const pngSize = (bytes: Buffer): Size | null =>
  bytes.length >= 24 && bytes.readUInt32BE(0) === 0x89504e47
    ? { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) }
    : null;

/** https://www.w3.org/Graphics/GIF/spec-gif89a.txt, section 18 */
const gifSize = (bytes: Buffer): Size | null =>
  bytes.length >= 10 && bytes.toString('latin1', 0, 4) === 'GIF8'
    ? { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) }
    : null;

/** https://developers.google.com/speed/webp/docs/riff_container and the bit streams it holds. */
const webpSize = (bytes: Buffer): Size | null => {
  if (bytes.length < 30 || bytes.toString('latin1', 8, 12) !== 'WEBP') return null;
  switch (bytes.toString('latin1', 12, 16)) {
    case 'VP8 ':
      return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
    case 'VP8L': {
      const bits = bytes.readUInt32LE(21);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case 'VP8X':
      return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
    default:
      return null;
  }
};

/** https://www.w3.org/Graphics/JPEG/itu-t81.pdf, B.1.1.4 and B.2.2: marker after marker up to the frame's own. */
const jpegSize = (bytes: Buffer): Size | null => {
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== 0xffd8) return null;
  for (let at = 2; at + 9 <= bytes.length; at += 2 + bytes.readUInt16BE(at + 2)) {
    const marker = bytes[at + 1] ?? 0;
    if (bytes[at] !== 0xff) return null;
    // Frames are C0 to CF, but for tables (C4), a reserved one (C8) and arithmetic coding (CC).
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker))
      return { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
  }
  return null;
};

/** How large an image is, by its own word; null: it cannot be told. */
export const imageSize = (base64: string): Size | null => {
  const first = beginning(base64, 32);
  const size =
    pngSize(first) ??
    gifSize(first) ??
    webpSize(first) ??
    jpegSize(beginning(base64, maxHeaderBytes));
  return size === null || size.width === 0 || size.height === 0 ? null : size;
};

const scaledTo = ({ width, height }: Size, factor: number): Size => ({
  width: width * factor,
  height: height * factor,
});

/** OpenAI: fitted into 2048 pixels, its shorter side made 768, in tiles of 512: 85 tokens and 170 for each. */
const openaiTokens = (size: Size): number => {
  const fitted = scaledTo(size, Math.min(1, 2048 / Math.max(size.width, size.height)));
  const final = scaledTo(fitted, Math.min(1, 768 / Math.min(fitted.width, fitted.height)));
  return 85 + 170 * Math.ceil(final.width / 512) * Math.ceil(final.height / 512);
};

/** Anthropic: its longer side made 1568, its area over 750. */
const anthropicTokens = (size: Size): number => {
  const { width, height } = scaledTo(size, Math.min(1, 1568 / Math.max(size.width, size.height)));
  return Math.ceil(Math.min(1600, (width * height) / 750));
};

const ofDataUrl = (url: string): string | null => {
  const comma = url.startsWith('data:') ? url.indexOf(';base64,') : -1;
  return comma < 0 ? null : url.slice(comma + 8);
};

const bytesPerSecondOfMp3 = 16_000;

/** A WAV file says its bytes per second; all else is taken for MP3 of 128 kbit/s. http://soundfile.sapp.org/doc/WaveFormat/ */
const audioTokens = (base64: string): number => {
  const head = beginning(base64, 44);
  const isWav = head.length >= 32 && head.toString('latin1', 8, 12) === 'WAVE';
  const perSecond = isWav ? head.readUInt32LE(28) : bytesPerSecondOfMp3;
  const seconds = (base64.length * 3) / 4 / (perSecond === 0 ? bytesPerSecondOfMp3 : perSecond);
  return Math.max(1, Math.ceil(seconds * 10));
};

const sizeOf = (base64: string | null): Size =>
  (base64 === null ? null : imageSize(base64)) ?? usualSize;

/** Tokens of a part of a message that is an image or audio; null: it is neither. */
export const mediaTokens = (part: JsonObject): number | null => {
  switch (textAt(part, 'type') ?? '') {
    case 'image_url': {
      const image = objectAt(part, 'image_url');
      if (image === null) return null;
      if (textAt(image, 'detail') === 'low') return 85;
      return openaiTokens(sizeOf(ofDataUrl(textAt(image, 'url') ?? '')));
    }
    case 'image': {
      const source = objectAt(part, 'source');
      return source === null ? null : anthropicTokens(sizeOf(textAt(source, 'data')));
    }
    case 'input_audio': {
      const data = isObject(part['input_audio']) ? textAt(part['input_audio'], 'data') : null;
      return data === null ? null : audioTokens(data);
    }
    default:
      return null;
  }
};
