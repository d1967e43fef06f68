/**
 * AWS Signature Version 4, for a request whose body is at hand:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHmac, hash } from 'node:crypto';

export interface ToSign {
  readonly method: string;
  /** With its port where that is not the usual one, as `host` says it. */
  readonly host: string;
  /** As it is sent: each segment percent-encoded once, without a query. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly region: string;
  readonly service: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of credentials that expire; absent: there is none. */
  readonly sessionToken?: string | undefined;
  /** Wall clock, epoch milliseconds. */
  readonly nowMs: number;
}

const hmac = (key: string | Buffer, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

/** What AWS leaves as it is; all else is encoded, and of services other than S3 a second time. */
const encodedAgain = (path: string): string =>
  path
    .split('/')
    .map((segment) =>
      encodeURIComponent(segment).replaceAll(
        /[!'()*]/g,
        (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
      ),
    )
    .join('/');

/** The headers of a request with its signature. Pure. */
export const signed = (request: ToSign): Record<string, string> => {
  const { method, host, path, headers, body, region, service, nowMs } = request;
  const { accessKeyId, secretAccessKey, sessionToken } = request;
  // oxlint-disable-next-line no-restricted-globals -- says a time that it was given
  const time = new Date(nowMs).toISOString().replaceAll(/[:-]|\.\d{3}/g, '');
  const day = time.slice(0, 8);
  const all: Record<string, string> = {
    ...headers,
    'x-amz-date': time,
    ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
  };
  const lines = Object.entries({ ...all, host })
    .map(([name, value]) => [name, value.trim().replaceAll(/ +/g, ' ')] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  const names = lines.map(([name]) => name).join(';');
  const canonical = [
    method,
    encodedAgain(path),
    '',
    ...lines.map(([name, value]) => `${name}:${value}`),
    '',
    names,
    hash('sha256', body, 'hex'),
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', time, scope, hash('sha256', canonical, 'hex')].join('\n');
  const key = [region, service, 'aws4_request'].reduce<Buffer>(
    hmac,
    hmac(`AWS4${secretAccessKey}`, day),
  );
  const signature = hmac(key, text).toString('hex');
  return {
    ...all,
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
  };
};
