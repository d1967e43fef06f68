/** Rules between settings. Each is tried only where the settings themselves are right: one mistake is one problem. */
import { isMap } from '@tollgate/settings/context.ts';
import type { Path } from '@tollgate/settings/document.ts';
import type { Root } from '@tollgate/settings/sections.ts';
import { durationText, sizeText } from '@tollgate/settings/units.ts';
import type { Config, Timeouts } from './config.ts';
import type { Context } from './context.ts';

/** Past `hold` the client has the head of its reply, and no other target can take over. */
export const checkFirstContent = (
  { firstContentMs, holdMs }: Timeouts,
  at: Path,
  { complaints }: Context,
): void => {
  if (firstContentMs === null || firstContentMs <= holdMs || complaints.under(at)) return;
  complaints.add([...at, 'firstContent'], `must not be longer than hold, which is ${holdMs} ms`);
};

/** Waits that end within `total`, or never do. */
const within = { connect: 'connectMs', firstByte: 'firstByteMs', idle: 'idleMs' } as const;

/** Complains when `total` is said beside a wait that it makes meaningless. `said`: the map as it stands in the file. */
export const checkTotal = (
  said: unknown,
  timeouts: Timeouts,
  at: Path,
  { complaints }: Context,
): void => {
  if (!isMap(said) || said['total'] === undefined || complaints.under(at)) return;
  for (const [name, field] of Object.entries(within)) {
    if (said[name] === undefined || timeouts[field] <= timeouts.totalMs) continue;
    const message = `must not be shorter than ${name}, which is ${timeouts[field]} ms`;
    complaints.add([...at, 'total'], message);
  }
};

const checkBackoff = ({ backoffMs, backoffMaxMs }: Config['retry'], { complaints }: Context) => {
  if (backoffMaxMs >= backoffMs || complaints.under(['retry'])) return;
  complaints.add(
    ['retry', 'backoffMax'],
    `must not be shorter than backoff, which is ${durationText(backoffMs)}`,
  );
};

const checkSpool = (
  { segmentSizeBytes, maxSpoolBytes }: Config['ledger'],
  { complaints }: Context,
): void => {
  if (maxSpoolBytes >= segmentSizeBytes || complaints.under(['ledger'])) return;
  complaints.add(
    ['ledger', 'maxSpool'],
    `must not be smaller than segmentSize, which is ${sizeText(segmentSizeBytes)}`,
  );
};

const checkSpanBatch = (
  { spanBatch, spanQueue }: Config['telemetry'],
  { complaints }: Context,
): void => {
  if (spanBatch <= spanQueue || complaints.under(['telemetry'])) return;
  complaints.add(
    ['telemetry', 'spanBatch'],
    `must not be more than spanQueue, which is ${spanQueue}`,
  );
};

const checkEndpoint = (
  { otlpEndpoint }: Config['telemetry'],
  isSaid: boolean,
  { complaints }: Context,
): void => {
  if (otlpEndpoint === null || /^https?:\/\/[^/?#@]+\/?$/.test(otlpEndpoint)) return;
  complaints.add(
    ['telemetry', 'otlpEndpoint'],
    `${isSaid ? '' : 'TOLLGATE_OTLP_ENDPOINT '}must be an address such as http://127.0.0.1:4317, without a path or a password`,
  );
};

type Sections = Pick<Config, 'timeouts' | 'retry' | 'ledger' | 'telemetry'>;

/** The endpoint for telemetry is the one said in the file, `null` too; else the environment's. */
const isEndpointSaid = ({ telemetry }: Root): boolean =>
  isMap(telemetry) && telemetry['otlpEndpoint'] !== undefined;

/** Of a document's root, with the environment's word where the file says nothing. */
export const withEndpoint = (root: Root, otlpEndpoint: string | null): Root => {
  const { telemetry } = root;
  if (isEndpointSaid(root) || (telemetry !== undefined && telemetry !== null && !isMap(telemetry)))
    return root;
  return { ...root, telemetry: { ...telemetry, otlpEndpoint } };
};

/** The rules between settings of one section. `root`: the document as it is written. */
export const checkRules = (
  { timeouts, retry, ledger, telemetry }: Sections,
  root: Root,
  context: Context,
): void => {
  checkFirstContent(timeouts, ['timeouts'], context);
  checkTotal(root['timeouts'], timeouts, ['timeouts'], context);
  checkBackoff(retry, context);
  checkSpool(ledger, context);
  checkSpanBatch(telemetry, context);
  checkEndpoint(telemetry, isEndpointSaid(root), context);
};
