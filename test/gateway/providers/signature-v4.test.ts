import { SignatureV4 } from '@smithy/signature-v4';
import * as fc from 'fast-check';
import { createHash, createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { signed, type ToSign } from '../../../gateway/src/providers/signature-v4.ts';

/** The library's hash, on Node's own. */
class Sha256 {
  readonly #hash: ReturnType<typeof createHash> | ReturnType<typeof createHmac>;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    const key = typeof secret === 'string' || secret === undefined ? secret : bytesOf(secret);
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', key);
  }
  update(data: string | ArrayBuffer | ArrayBufferView) {
    this.#hash.update(typeof data === 'string' ? data : bytesOf(data));
  }
  digest() {
    return Promise.resolve(new Uint8Array(this.#hash.digest()));
  }
  reset() {}
}
const bytesOf = (data: ArrayBuffer | ArrayBufferView): Uint8Array =>
  ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);

/** What AWS's own library signs. */
const oracle = async (request: ToSign): Promise<Readonly<Record<string, string>>> => {
  const { method, host, path, headers, body, region, service, nowMs } = request;
  const { accessKeyId, secretAccessKey, sessionToken } = request;
  const signer = new SignatureV4({
    credentials: {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
    },
    region,
    service,
    sha256: Sha256,
    applyChecksum: false,
  });
  const result = await signer.sign(
    {
      method,
      protocol: 'https:',
      hostname: host,
      path,
      query: {},
      headers: { ...headers, host },
      body,
    },
    { signingDate: new Date(nowMs) },
  );
  return result.headers;
};

const plain: ToSign = {
  method: 'POST',
  host: 'bedrock-runtime.eu-central-1.amazonaws.com',
  path: '/model/eu.anthropic.claude-sonnet-5-5-v1%3A0/invoke',
  headers: { 'content-type': 'application/json', accept: 'application/json' },
  body: Buffer.from('{"messages":[]}'),
  region: 'eu-central-1',
  service: 'bedrock',
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  nowMs: Date.UTC(2026, 10, 28, 12, 36, 0),
};

test('a signature is the one that the official library makes', async () => {
  const { authorization } = signed(plain);
  expect(authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20261128\/eu-central-1\//,
  );
  expect(authorization).toBe((await oracle(plain))['authorization']);
});

test('the token of credentials that expire is sent and signed', async () => {
  const request = { ...plain, sessionToken: 'a-token' };
  expect(signed(request)).toMatchObject({ 'x-amz-security-token': 'a-token' });
  expect(signed(request)['authorization']).toBe((await oracle(request))['authorization']);
});

test('the secret itself is in no header', () => {
  expect(JSON.stringify(signed(plain))).not.toContain(plain.secretAccessKey);
});

test('for any path, headers, body and time', async () => {
  const segment = fc.string({ unit: 'grapheme', maxLength: 20 }).map(encodeURIComponent);
  const value = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/);
  await fc.assert(
    fc.asyncProperty(
      fc.array(segment, { minLength: 1, maxLength: 4 }),
      fc.dictionary(fc.stringMatching(/^x-[a-z]{1,12}$/), value, { maxKeys: 5 }),
      fc.uint8Array({ maxLength: 200 }),
      fc.integer({ min: 0, max: 4e12 }),
      async (segments, headers, body, nowMs) => {
        const path = `/${segments.filter((one) => one !== '' && !/^\.+$/.test(one)).join('/')}`;
        const request = { ...plain, path, headers, body, nowMs };
        expect(signed(request)['authorization']).toBe((await oracle(request))['authorization']);
      },
    ),
    { numRuns: 300 },
  );
});
