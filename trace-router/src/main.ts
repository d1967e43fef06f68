/**
 * Composition root: environment and configuration -> destination -> receivers -> signals.
 * Prints one JSON line on stdout when it listens; on a mistake of the operator one line per problem on stderr, exit 1.
 */
import type { Server } from 'node:net';
import { parseArgs } from 'node:util';
import { problemText } from '@tollgate/settings/document.ts';
import type { Sources } from '@tollgate/settings/edge/read.ts';
import type { RouterConfig } from './config/config.ts';
import { adminServer } from './edge/admin.ts';
import { startBuiltin } from './edge/builtin.ts';
import { startWriter } from './edge/clickhouse/writer.ts';
import { checkFile } from './edge/check-file.ts';
import { readEnvironment } from './edge/environment.ts';
import type { Environment } from './edge/environment.ts';
import type { Guard } from '@tollgate/listener/edge/guard.ts';
import { startIntake } from './edge/intake.ts';
import { startMembers } from './edge/members/members.ts';
import { startMetricsForward } from './edge/metrics-forward.ts';
import { otlpGrpcIn } from './edge/otlp-grpc-in.ts';
import { otlpHttpIn } from './edge/otlp-http-in.ts';
import { startLive } from './edge/live.ts';
import { readConfig } from './edge/read-config.ts';
import { startLog } from './edge/telemetry/log.ts';
import { startMetrics } from './edge/telemetry/metrics.ts';

const usage = `usage: node trace-router/src/main.ts [--check [FILE]]
Receives OTLP traces and routes whole traces to members, or samples and writes them itself.
--check only says whether the configuration file is good, else everything that is wrong with it, and exits with 1.
Environment: TOLLGATE_ROUTER_CONFIG (YAML file), TOLLGATE_HOST, TOLLGATE_HOSTS, TOLLGATE_OTLP_GRPC_PORT, TOLLGATE_OTLP_HTTP_PORT,
TOLLGATE_ROUTER_ADMIN_PORT, TOLLGATE_CLICKHOUSE_URL, TOLLGATE_CLICKHOUSE_USER, TOLLGATE_CLICKHOUSE_PASSWORD.
`;

/** Whoever started this process is gone (SIGHUP), and the next start waits for it to end. */
const orphanMs = 2_000;

const fail = (problems: readonly string[]): never => {
  for (const problem of problems) process.stderr.write(`trace-router: ${problem}\n`);
  process.exit(1);
};

/** Listens and returns the port, or a line that says why not. */
const listen = (server: Server, host: string, port: number, variable: string) =>
  new Promise<number | string>((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === 'EADDRINUSE' ? 'is already in use' : `cannot be used: ${error.message}`;
      resolve(`port ${port} (${variable}) on ${host} ${reason}`);
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });

const run = async (
  environment: Environment,
  config: RouterConfig,
  sources: Sources | null,
): Promise<void> => {
  const log = startLog(process.stderr);
  const metrics = startMetrics();
  const destination =
    config.members === 'builtin'
      ? startBuiltin(
          config,
          startWriter(environment.clickhouse, config.write, metrics, log),
          metrics,
        )
      : startMembers(config.members, config, metrics);
  const intake = startIntake(destination, config.receive, metrics, log);
  const live = startLive(config, {
    sources,
    read: () => readConfig(environment.configPath, process.env),
    adopt: (next) => destination.adopt(next),
    metrics,
    log,
  });
  const forward = startMetricsForward(config.metrics.forward, metrics);
  let listening = false;
  const ready = () => listening && !intake.draining();
  const { host, names } = environment;
  const guard = (listener: 'otlp' | 'admin'): Guard => ({
    names,
    refused: (reason) => metrics.add('foreignRequests', { listener, reason }),
  });
  // No browser speaks HTTP/2 to an address without TLS, so the gRPC listener has nothing to fear from a web page.
  const grpc = otlpGrpcIn(intake, forward, config.receive);
  const http = otlpHttpIn(intake, forward, config.receive, guard('otlp'));
  const admin = adminServer({ metrics, destination, intake, ready, guard: guard('admin') });

  const [grpcPort, httpPort, adminPort] = await Promise.all([
    listen(grpc, host, environment.grpcPort, 'TOLLGATE_OTLP_GRPC_PORT'),
    listen(http, host, environment.httpPort, 'TOLLGATE_OTLP_HTTP_PORT'),
    listen(admin, host, environment.adminPort, 'TOLLGATE_ROUTER_ADMIN_PORT'),
  ]);
  const problems = [grpcPort, httpPort, adminPort].filter((port) => typeof port === 'string');
  if (problems.length > 0) fail(problems);
  listening = true;
  process.stdout.write(`${JSON.stringify({ ready: true, grpcPort, httpPort, adminPort })}\n`);

  let stopping = false;
  const stop = async (withinMs: number): Promise<void> => {
    if (stopping) process.exit(130); // asked twice: at once
    stopping = true;
    const untilMs = Date.now() + withinMs;
    void live.close();
    grpc.close();
    http.close();
    await intake.drain(untilMs);
    await destination.close(untilMs);
    log('info', 'stopped');
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop(live.config().shutdown.timeoutMs));
  process.on('SIGINT', () => void stop(live.config().shutdown.timeoutMs));
  process.on('SIGHUP', () => {
    if (!stopping) void stop(Math.min(live.config().shutdown.timeoutMs, orphanMs));
  });
};

const serve = async (): Promise<void> => {
  const environment = readEnvironment(process.env);
  if ('problems' in environment) return fail(environment.problems);
  const read = await readConfig(environment.configPath, process.env);
  if (read.kind === 'bad') return fail(read.problems.map(problemText));
  return run(environment, read.config, environment.configPath === null ? null : read.sources);
};

const argumentsOf = () => {
  try {
    const { values, positionals } = parseArgs({
      options: { help: { type: 'boolean' }, check: { type: 'boolean' } },
      allowPositionals: true,
    });
    const { help = false, check = false } = values;
    if (positionals.length > (check ? 1 : 0))
      return fail([`one argument too many: '${positionals.at(-1)}'`]);
    return { help, check, file: positionals[0] ?? process.env['TOLLGATE_ROUTER_CONFIG'] ?? '' };
  } catch (error) {
    return fail([error instanceof Error ? error.message : String(error)]);
  }
};

const { help, check, file } = argumentsOf();
if (help) process.stdout.write(usage);
else if (check) {
  const { isGood, lines } = await checkFile(file === '' ? null : file, process.env);
  process.stdout.write(`${lines.join('\n')}\n`);
  process.exitCode = isGood ? 0 : 1;
} else await serve();
