import type { KeyObject } from 'node:crypto';
import { readText } from '@tollgate/settings/edge/read.ts';
import { withClient } from '@tollgate/clickhouse/edge/client.ts';
import {
  checkClose,
  checkLedger,
  type CheckedClose,
  type CloseFinding,
} from '../../edge/ledger/closes/check.ts';
import { publicKeyOf } from '../../prices/signed.ts';
import { command } from '../command.ts';
import { located } from '../located.ts';
import { progress } from '../progress.ts';
import { fail, listed, reasonOf, say } from '../say.ts';
import { ledgerAddress } from './address.ts';

const answerTimeoutMs = 3_600_000;
const progressMs = 2_000;
const largestKeyBytes = 64 * 2 ** 10;

/** A public key, as text or in a file; null: neither. */
const keyOf = async (written: string): Promise<KeyObject | null> => {
  const key = publicKeyOf(written);
  if (key !== null) return key;
  const read = await readText(located(written), largestKeyBytes);
  return read.kind === 'text' ? publicKeyOf(read.text) : null;
};

const where = {
  rows: 'the rows of the folder',
  focus: 'the FOCUS lines',
  ledger: 'the ledger',
} as const;

const lineOf = (finding: CloseFinding): string => {
  switch (finding.kind) {
    case 'file':
      return `file     ${finding.name} ${finding.problem}`;
    case 'before':
      return `before   ${finding.problem}`;
    case 'sums':
      return `sums     ${finding.names}: not what ${where[finding.of]} come to`;
    case 'added':
    case 'gone':
    case 'altered': {
      const { kind, of, hour, signed, found } = finding;
      const at = new Date(hour * 1000).toISOString().slice(0, 'yyyy-mm-ddThh:mm'.length);
      return `${kind.padEnd(8)} ${at}Z: ${signed.rows} rows and $${signed.costUsd} were signed; ${where[of]}: ${found.rows} and $${found.costUsd}`;
    }
  }
};

const textOf = ({ close, findings }: CheckedClose, withLedger: boolean): string => {
  const seen = withLedger ? 'its files and the ledger' : 'its files';
  const sum =
    close === null
      ? 'it cannot be trusted, and nothing else of it was looked at'
      : findings.length > 0
        ? `${findings.length} findings: ${close.month}, signed ${close.closedAt}`
        : `ok: ${close.month}, signed ${close.closedAt}, ${close.calls} calls and ${close.corrections} corrections, $${close.costUsd}: ${seen} are what was signed`;
  return [
    ...listed(findings, lineOf),
    ...(close === null ? [] : close.accepted.map((one) => `accepted when it was closed: ${one}`)),
    sum,
  ].join('\n');
};

/** `tollgate ledger check-close FOLDER --public-key KEY`: exit code 1 when something is not what was signed. */
export const checkCloseCommand = command({
  args: {
    folder: { type: 'positional', required: true, description: 'That `ledger close` made' },
    'public-key': {
      type: 'string',
      required: true,
      description: 'Ed25519 public key: base64 of its SPKI, or a PEM file',
    },
    before: {
      type: 'string',
      description: 'Folder of the month closed before, to follow the chain',
    },
    ledger: { type: 'boolean', description: 'Read the month in ClickHouse too' },
    json: { type: 'boolean', description: 'Print JSON' },
  },
  run: async ({ args }) => {
    const { folder, before } = args;
    const asJson = args.json === true;
    const key = await keyOf(args['public-key']);
    if (key === null) return fail('--public-key is no Ed25519 public key', asJson);
    const tell = progress(progressMs);
    let rows = 0;
    const onRow = (): void => {
      rows += 1;
      tell(() => `tollgate: read ${rows} rows`);
    };
    try {
      const checked = await checkClose({
        folder: located(folder),
        keys: [key],
        before: before === undefined ? null : located(before),
        onRow,
      });
      const findings = [...checked.findings];
      const { close } = checked;
      const withLedger = args.ledger === true && close !== null;
      if (withLedger)
        findings.push(
          ...(await withClient({ ...ledgerAddress(), timeoutMs: answerTimeoutMs }, (client) =>
            checkLedger(client, close, onRow),
          )),
        );
      if (findings.length > 0) process.exitCode = 1;
      if (!asJson) return say(textOf({ ...checked, findings }, withLedger));
      const { month, closedAt, costUsd, accepted } = close ?? {};
      const facts = { month, closedAt, costUsd, accepted, sha256: checked.sha256 };
      say(JSON.stringify({ ok: findings.length === 0, ...facts, findings }));
    } catch (error) {
      fail(`cannot check it: ${reasonOf(error)}`, asJson);
    }
  },
});
