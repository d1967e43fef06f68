import { existsSync } from 'node:fs';
import { withClient } from '@tollgate/clickhouse/edge/client.ts';
import { closeMonth, type Closing } from '../../edge/ledger/closes/close.ts';
import { command } from '../command.ts';
import { located } from '../located.ts';
import { progress } from '../progress.ts';
import { fail, listed, misuse, reasonOf, say } from '../say.ts';
import { publicHalf, signingKey } from '../signing-key.ts';
import { ledgerAddress } from './address.ts';
import { findingText } from './finding-text.ts';

/** Of one question; a month of millions of rows takes a while. */
const answerTimeoutMs = 3_600_000;
const progressMs = 2_000;

const monthText = /^\d{4}-(0[1-9]|1[0-2])$/;

const textOf = (
  closing: Closing & { readonly kind: 'closed' },
  out: string,
  key: string,
): string => {
  const { close, sha256 } = closing;
  const silent =
    close.silent.length === 0
      ? []
      : [
          `wrote nothing since the month ended, and may hold more in a spool: ${close.silent.join(', ')}`,
        ];
  return [
    ...silent,
    ...(close.accepted.length === 0 ? [] : [`signed with ${close.accepted.length} findings`]),
    `closed ${close.month}: ${close.calls} calls and ${close.corrections} corrections, $${close.costUsd}`,
    `in ${out}: close.json (SHA-256 ${sha256}), ${close.files.map(({ name }) => name).join(', ')}`,
    `whoever checks it needs the public key: ${key}`,
  ].join('\n');
};

const sayRefused = (closing: Closing & { readonly kind: 'refused' }, asJson: boolean): void => {
  const { problem, findings } = closing;
  process.exitCode = 1;
  if (asJson) return say(JSON.stringify({ ok: false, problem, findings }));
  for (const line of listed(findings, (finding) => finding)) process.stderr.write(`${line}\n`);
  process.stderr.write(`tollgate: ${problem}\n`);
};

/** `tollgate ledger close MONTH --key PEM --out FOLDER`: exit code 1 when the month is not closed, 2 when it was called wrongly. */
export const close = command({
  args: {
    month: { type: 'positional', required: true, description: 'Such as 2026-10' },
    key: { type: 'string', required: true, description: 'Ed25519 private key, PKCS#8 PEM' },
    out: { type: 'string', required: true, description: 'Folder to make, such as closes/2026-10' },
    accept: {
      type: 'boolean',
      description: 'Although the ledger is not as it was written; what was found is signed too',
    },
    amend: {
      type: 'boolean',
      description: 'Close the last closed month again, because rows of it came late',
    },
    json: { type: 'boolean', description: 'Print JSON' },
  },
  run: async ({ args }) => {
    const { month, key: keyFile, out } = args;
    const asJson = args.json === true;
    if (!monthText.test(month)) return misuse(`MONTH is such as 2026-10, not '${month}'`);
    const folder = located(out);
    if (existsSync(folder)) return fail(`${out} is there already: name another folder`, asJson);
    const key = await signingKey(located(keyFile));
    if ('problem' in key) return fail(`${keyFile} ${key.problem}`, asJson);
    const tell = progress(progressMs);
    try {
      const address = ledgerAddress('write');
      const closing = await withClient({ ...address, timeoutMs: answerTimeoutMs }, (client) =>
        closeMonth({
          client,
          month,
          key,
          folder,
          accept: args.accept === true,
          amend: args.amend === true,
          describe: findingText,
          onProgress: (step, rows) => tell(() => `tollgate: ${step} ${rows} rows`),
        }),
      );
      if (closing.kind === 'refused') return sayRefused(closing, asJson);
      const publicKey = publicHalf(key);
      if (!asJson) return say(textOf(closing, out, publicKey));
      const { hours: _hours, columns: _columns, ...facts } = closing.close;
      say(JSON.stringify({ ok: true, sha256: closing.sha256, publicKey, folder: out, ...facts }));
    } catch (error) {
      fail(`${month} is not closed: ${reasonOf(error)}`, asJson);
    }
  },
});
