import { readFile } from 'node:fs/promises';
import { refusal } from './errors.ts';
import type { Reply } from './execute.ts';
import { withRevision } from './native.ts';

const maxRevisedBytes = 256 * 1024 ** 2;

/** Native data in the layout of the client's revision; in memory, so this is for what a dashboard shows, not for exports. */
export const inRevision = async (reply: Reply, revision: number): Promise<Reply> => {
  const { rows, format, summary } = reply;
  if (format !== 'Native' || revision <= 0) return reply;
  try {
    if (summary.resultBytes > maxRevisedBytes) {
      throw refusal(
        'LIMIT_EXCEEDED',
        `A Native result of ${summary.resultBytes} bytes; at most ${maxRevisedBytes} with client_protocol_version`,
      );
    }
    const plain = rows.kind === 'file' ? await readFile(rows.file) : Buffer.from(rows.bytes);
    const bytes = withRevision(plain, revision);
    return {
      format,
      summary: { ...summary, resultBytes: bytes.length },
      rows: { kind: 'bytes', bytes },
    };
  } finally {
    if (rows.kind === 'file') await rows.release();
  }
};
