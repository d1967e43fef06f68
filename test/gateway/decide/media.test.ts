import { expect, test } from 'vitest';
import { imageSize, mediaTokens } from '../../../gateway/src/decide/media.ts';

const png = (width: number, height: number): string => {
  const bytes = Buffer.alloc(40);
  bytes.writeUInt32BE(0x89504e47, 0);
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes.toString('base64');
};
/** With so many bytes of a camera's notes before the frame. */
const jpeg = (width: number, height: number, notes = 0, marker = 0xc0): string => {
  const app = Buffer.alloc(4 + notes);
  app.writeUInt16BE(0xffe1, 0);
  app.writeUInt16BE(2 + notes, 2);
  const table = Buffer.from([0xff, 0xc4, 0, 4, 1, 2]);
  const frame = Buffer.alloc(12);
  frame.writeUInt16BE(0xff00 | marker, 0);
  frame.writeUInt16BE(10, 2);
  frame.writeUInt16BE(height, 5);
  frame.writeUInt16BE(width, 7);
  return Buffer.concat([Buffer.from([0xff, 0xd8]), app, table, frame]).toString('base64');
};
const gif = (width: number, height: number): string => {
  const bytes = Buffer.alloc(16);
  bytes.write('GIF89a', 'latin1');
  bytes.writeUInt16LE(width, 6);
  bytes.writeUInt16LE(height, 8);
  return bytes.toString('base64');
};
const webp = (kind: 'VP8 ' | 'VP8L' | 'VP8X', width: number, height: number): string => {
  const bytes = Buffer.alloc(32);
  bytes.write('RIFF', 0, 'latin1');
  bytes.write(`WEBP${kind}`, 8, 'latin1');
  if (kind === 'VP8 ') {
    bytes.writeUInt16LE(width, 26);
    bytes.writeUInt16LE(height, 28);
  } else if (kind === 'VP8L') bytes.writeUInt32LE(((height - 1) << 14) | (width - 1), 21);
  else {
    bytes.writeUIntLE(width - 1, 24, 3);
    bytes.writeUIntLE(height - 1, 27, 3);
  }
  return bytes.toString('base64');
};

// oxfmt-ignore
test.each([
  ['PNG', png(640, 480)], ['JPEG', jpeg(640, 480)], ['JPEG, progressive, with notes', jpeg(640, 480, 60_000, 0xc2)], ['GIF', gif(640, 480)],
  ['WebP', webp('VP8 ', 640, 480)], ['WebP without loss', webp('VP8L', 640, 480)], ['WebP, extended', webp('VP8X', 640, 480)],
])('an image says how large it is: %s', (_, base64) => {
  expect(imageSize(base64)).toEqual({ width: 640, height: 480 });
  // Cut anywhere it is an image of unknown size, and no error.
  for (let chars = 0; chars < Math.min(base64.length, 200); chars += 1)
    expect([null, 640]).toContain(imageSize(base64.slice(0, chars))?.width ?? null);
});

test('what is no image has no size', () => {
  for (const base64 of [
    '',
    'AAAA',
    'not base64 at all!',
    Buffer.alloc(300).toString('base64'),
    png(0, 5),
    jpeg(5, 5, 10, 0xd9),
  ])
    expect(imageSize(base64)).toBeNull();
});

const imageUrl = (url: string, detail?: string) => ({
  type: 'image_url',
  image_url: { url, ...(detail === undefined ? {} : { detail }) },
});
const dataUrl = (base64: string): string => `data:image/png;base64,${base64}`;
const anthropic = (data: string) => ({
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data },
});

// The examples of the providers' pages.
// oxfmt-ignore
test.each([
  ['OpenAI: 1024 x 1024', imageUrl(dataUrl(png(1024, 1024)), 'high'), 765],
  ['OpenAI: 2048 x 4096', imageUrl(dataUrl(png(2048, 4096))), 1105],
  ['OpenAI: 4096 x 8192 at low detail', imageUrl(dataUrl(png(4096, 8192)), 'low'), 85],
  ['OpenAI: small', imageUrl(dataUrl(png(10, 10))), 255],
  ['OpenAI: an address, whose image nobody sees here', imageUrl('https://x.example/a.png'), 765],
  ['Anthropic: 200 x 200', anthropic(png(200, 200)), 54],
  ['Anthropic: 1000 x 1000', anthropic(png(1000, 1000)), 1334],
  ['Anthropic: larger than it looks at', anthropic(png(8000, 8000)), 1600],
  ['Anthropic: an address', { type: 'image', source: { type: 'url', url: 'https://x.example/a.png' } }, 1399],
])('%s', (_, part, tokens) => {
  expect(mediaTokens(part)).toBe(tokens);
});

test('audio is a token for a tenth of a second', () => {
  const wav = Buffer.alloc(44 + 3 * 32_000);
  wav.write('RIFF', 0, 'latin1');
  wav.write('WAVE', 8, 'latin1');
  wav.writeUInt32LE(32_000, 28);
  const part = (data: string) => ({ type: 'input_audio', input_audio: { data, format: 'wav' } });
  expect(mediaTokens(part(wav.toString('base64')))).toBe(31);
  expect(mediaTokens(part(Buffer.alloc(32_000).toString('base64')))).toBe(21);
  expect(mediaTokens(part(''))).toBe(1);
  wav.writeUInt32LE(0, 28);
  expect(mediaTokens(part(wav.toString('base64')))).toBeGreaterThan(0);
});

test('other parts are neither', () => {
  for (const part of [
    {},
    { type: 'text', text: 'x' },
    { type: 'image_url' },
    { type: 'image' },
    { type: 'input_audio', input_audio: 5 },
  ])
    expect(mediaTokens(part)).toBeNull();
});
