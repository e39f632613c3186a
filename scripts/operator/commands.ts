import { setTimeout as sleep } from 'node:timers/promises';
import { timestampDate, type Timestamp } from '@bufbuild/protobuf/wkt';
import { SeatConflictKind } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { JobState, type JobRun } from '#gen/rail/ops/v1/ops_pb.ts';
import { findAudit } from './find_audit.ts';
import { findOrders } from './find_orders.ts';
import { RunChangeState } from '#gen/rail/query/v1/query_pb.ts';
import { ProtectionReason } from '#gen/rail/risk/v1/risk_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { formatRfc3339 } from '#kit/base/time.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { Told, words } from '../say.ts';
import type { Api } from '../traveller/api.ts';
import { patiently } from '../traveller/patience.ts';
import { runRefunds } from './refunds.ts';
import { table } from './table.ts';

export type Options = { despite_sale: boolean; despite_losses: boolean; comment: string; consumer: string };

type Command = { usage: string; en: string; zh: string; run(api: Api, args: readonly string[], options: Options): Promise<string> };

/** What an operator can do, by its first word; each answers with the text to show. */
export const COMMANDS: Record<string, Command> = {
  jobs: { usage: 'jobs', en: 'all jobs, their last run, what is due and why it waits', zh: '全部任务、最近一次执行、到期任务及让行原因', run: (api) => jobs(api) },
  run: { usage: 'run JOB [JSON]', en: 'runs a job now and shows its progress and report', zh: '立即执行任务，显示进度与报告', run: runJob },
  'dead-letters': { usage: 'dead-letters [list | replay ID… | discard ID… REASON]', en: 'events that were given up; in bulk: run replay-dead-letters', zh: '死信的查看、重放与丢弃；批量重放：run replay-dead-letters', run: deadLetters },
  settings: { usage: 'settings [get KEY | set KEY JSON | history KEY | rollback KEY VERSION]', en: 'what operators may change while services run', zh: '运行中可调整的配置：查看、修改、历史与回滚', run: settings },
  queues: { usage: 'queues', en: 'the longest waiting queues', zh: '最长的排队队列', run: (api) => queues(api) },
  protection: { usage: 'protection [auto | on | off]', en: 'whether limits are stricter and queues slower now, and why', zh: '保护模式的状态与原因；可强制开启或关闭', run: protection },
  timetable: { usage: 'timetable [list | sync | rollback VERSION | changes]', en: 'versions of the timetable, fetching and rolling back; runs that differ from it', zh: '运行图版本、同步与回滚；与图定不符的车次', run: timetable },
  conflicts: { usage: 'conflicts [RUN]', en: 'orders whose places the railway took away, and that are not refunded yet', zh: '因停运或编组调整失去席位、尚未处理的订单', run: (api, [run_id = '']) => conflicts(api, run_id) },
  refunds: { usage: 'refunds [list [RUN] | show JOB | run RUN REASON…]', en: 'refunds of whole runs and how far they are; has all tickets of a run go back in full (a cancelled run does so by itself)', zh: '整列车退票任务及进度；为某车次全部车票办理全额退票（停运列车自动办理）', run: runRefunds },
  orders: { usage: 'orders [KEY=VALUE…]', en: 'finds orders: order, account, run, payment, state, person (blind index), document (TYPE:NUMBER), placed-from, placed-to, date-from, date-to, page', zh: '检索订单：order、account、run、payment、state、person（盲索引）、document（类型:号码）、placed-from、placed-to、date-from、date-to、page', run: findOrders },
  audit: { usage: 'audit [KEY=VALUE…]', en: 'who did what, in all services, newest first: account, target (order/123), operation (order.Cancel), from, to (a time or a day), size (50, at most 200), page', zh: '检索全部服务的审计记录，最新在前：account、target（order/123）、operation（order.Cancel）、from、to（时刻或日期）、size（默认 50，至多 200）、page', run: findAudit },
  explain: { usage: 'explain ORDER', en: 'everything that happened to an order, and what comes next', zh: '订单经历的一切以及下一步', run: (api, [order_id]) => explain(api, needed(order_id, 'ORDER')) },
};

const WAIT_MS = 500;

async function timetable(api: Api, [what = 'list', version = '']: readonly string[], { despite_losses }: Options): Promise<string> {
  if (what === 'sync') await patiently(() => api.query.syncTimetable({ requestId: newId(), despiteLosses: despite_losses }));
  else if (what === 'rollback') await patiently(() => api.query.rollbackTimetable({ requestId: newId(), version: needed(version, 'VERSION') }));
  else if (what === 'changes') return runChanges(api);
  else if (what !== 'list') throw new Told(`timetable has no "${what}"`, `timetable 没有 "${what}"`);
  const { versions } = await patiently(() => api.query.listTimetableVersions({}));
  const rows = versions.map((one) => [one.active ? '→' : '', one.version, time(one.importTime), String(one.stationCount), String(one.trainCount), one.source]);
  return table(['', words('VERSION', '版本'), words('IMPORTED', '导入于'), words('STATIONS', '车站'), words('TRAINS', '车次'), words('SOURCE', '来源')], rows);
}

async function runChanges(api: Api): Promise<string> {
  const { changes } = await patiently(() => api.query.listRunChanges({ pageSize: 1000 }));
  if (changes.length === 0) return words('All runs run as the timetable says.', '所有车次均按图运行。');
  const rows = changes.map((one) => {
    const what = [one.cancelled ? words('cancelled', '停运') : '', one.movedStops > 0 ? words(`${one.movedStops} stops moved`, `${one.movedStops} 站时刻调整`) : '', one.coachesChanged ? words('other coaches', '编组调整') : ''].filter(Boolean).join(', ');
    const refused = one.state === RunChangeState.REFUSED ? `${words('refused', '已拒绝')}: ${one.problem}` : '';
    return [one.runId, String(one.sequence), what === '' ? words('as the timetable', '按图运行') : what, words(one.reasonEn, one.reasonZh), refused, time(one.receiveTime)];
  });
  return table([words('RUN', '车次'), '#', words('WHAT', '变更'), words('WHY', '原因'), '', words('RECEIVED', '收到于')], rows);
}

async function conflicts(api: Api, run_id: string): Promise<string> {
  const rows: string[][] = [];
  for (let pageToken = ''; ; ) {
    const page = await patiently(() => api.inventory.listSeatConflicts({ runId: run_id, pageToken }));
    for (const { runId, kind, orderId, seat, sold } of page.conflicts) {
      const why = kind === SeatConflictKind.RUN_CANCELLED ? words('run cancelled', '列车停运') : words('seat is gone', '席位已取消');
      rows.push([runId, orderId, seat === undefined || seat.coachNo === '' ? '' : `${seat.coachNo}-${seat.seatNo}`, why, sold ? words('sold', '已售') : words('held', '占座')]);
    }
    pageToken = page.nextPageToken;
    if (pageToken === '' || rows.length >= MAX_CONFLICTS) break;
  }
  if (rows.length === 0) return words('No order lacks its place.', '没有席位冲突。');
  return table([words('RUN', '车次'), words('ORDER', '订单'), words('SEAT', '席位'), words('WHY', '原因'), ''], rows);
}

const MAX_CONFLICTS = 1000;

async function jobs(api: Api): Promise<string> {
  const { jobs: all } = await patiently(() => api.ops.listJobs({}));
  const rows = all.map((job) => [
    job.jobId, words(job.titleEn, job.titleZh), job.schedule, stateOf(job.lastRun), time(job.lastRun?.startTime), time(job.nextRunTime),
    job.heldEn === '' ? '' : words(`waits: ${job.heldEn}`, `让行：${job.heldZh}`),
  ]);
  return table([words('JOB', '任务'), words('WHAT', '说明'), words('SCHEDULE', '计划'), words('LAST', '最近'), words('BEGAN', '开始'), words('NEXT', '下次'), ''], rows);
}

async function runJob(api: Api, [job_id, json = '']: readonly string[], { despite_sale }: Options): Promise<string> {
  const request = { requestId: newId(), jobId: needed(job_id, 'JOB'), argumentsJson: json, despiteSale: despite_sale };
  let { run } = await patiently(() => api.ops.runJob(request));
  while (run?.state === JobState.RUNNING) {
    process.stderr.write(`${run.jobId} ${run.progressPercent} %\n`);
    await sleep(WAIT_MS);
    const { runId } = run;
    run = (await patiently(() => api.ops.getJobRun({ runId }))).run;
  }
  if (run?.state !== JobState.SUCCEEDED) throw new Told(`${stateOf(run)}: ${run?.error ?? ''}`);
  return JSON.stringify(JSON.parse(run.reportJson), undefined, 2);
}

async function deadLetters(api: Api, [what = 'list', ...args]: readonly string[], { consumer }: Options): Promise<string> {
  if (what === 'replay') {
    if (args.length === 0 && consumer === '') throw new Told('Name dead letters, or a consumer with --consumer.', '请指定死信编号，或用 --consumer 指定消费者。');
    const request = { requestId: newId(), deadLetterIds: [...args], consumer };
    return `${words('replayed', '已重放')}: ${(await patiently(() => api.ops.replayDeadLetters(request))).replayed}`;
  }
  if (what === 'discard') {
    const request = { requestId: newId(), deadLetterIds: args.slice(0, -1), reason: needed(args.at(-1), 'REASON') };
    if (request.deadLetterIds.length === 0) throw new Told('Name dead letters, and the reason last.', '请指定死信编号，最后写明原因。');
    return `${words('discarded', '已丢弃')}: ${(await patiently(() => api.ops.discardDeadLetters(request))).discarded}`;
  }
  if (what !== 'list') throw new Told(`dead-letters has no "${what}"`, `dead-letters 没有 "${what}"`);
  const { deadLetters: letters, total } = await patiently(() => api.ops.listDeadLetters({ consumer, pageSize: 50 }));
  const rows = letters.map((letter) => [letter.deadLetterId, letter.consumer, letter.eventType.split('.').at(-1)!, letter.key, String(letter.tries), time(letter.failTime), letter.reason]);
  return `${table(['ID', words('CONSUMER', '消费者'), words('EVENT', '事件'), words('KEY', '主键'), words('TRIES', '次数'), words('FAILED', '失败于'), words('REASON', '原因')], rows)}\n${words(`${total} in all`, `共 ${total} 条`)}`;
}

async function settings(api: Api, [what = 'get', key = '', value = '']: readonly string[], { comment }: Options): Promise<string> {
  const current = async (keys: string[]) => (await patiently(() => api.config.getConfig({ keys }))).entries;
  if (what === 'set') {
    const [entry] = await current([needed(key, 'KEY')]);
    const request = { requestId: newId(), key, valueJson: needed(value, 'JSON'), baseVersion: entry!.version, comment };
    await patiently(() => api.config.setConfig(request));
  } else if (what === 'rollback') {
    const request = { requestId: newId(), key: needed(key, 'KEY'), version: BigInt(needed(/^\d+$/.test(value) ? value : undefined, 'VERSION')) };
    await patiently(() => api.config.rollbackConfig(request));
  } else if (what !== 'get' && what !== 'history') {
    throw new Told(`settings has no "${what}"`, `settings 没有 "${what}"`);
  }
  const entries = what === 'history' ? (await patiently(() => api.config.listConfigVersions({ key: needed(key, 'KEY'), pageSize: 50 }))).entries : await current(key === '' ? [] : [key]);
  const rows = entries.map((entry) => [
    entry.key, String(entry.version), `${entry.valueJson}${entry.gray === undefined ? '' : ` (${words('gray', '灰度')} ${entry.gray.percent} %: ${entry.gray.valueJson})`}`,
    entry.version === 0n ? '' : time(entry.updateTime), entry.updatedBy, entry.comment,
  ]);
  return table([words('KEY', '配置'), words('VERSION', '版本'), words('VALUE', '值'), words('SINCE', '生效于'), words('BY', '操作者'), words('COMMENT', '说明')], rows);
}

async function queues(api: Api): Promise<string> {
  const { queues: all } = await patiently(() => api.order.listQueues({ pageSize: 20 }));
  if (all.length === 0) return words('Nobody waits.', '没有人在排队。');
  const rows = all.map((queue) => [queue.runId, String(queue.length), String(queue.inFlight), queue.drainPerS.toFixed(1)]);
  return table([words('RUN', '车次'), words('WAITING', '等待'), words('IN FLIGHT', '处理中'), words('PER SECOND', '每秒')], rows);
}

async function protection(api: Api, [mode]: readonly string[], options: Options): Promise<string> {
  if (mode !== undefined) return settings(api, ['set', 'protection.mode', JSON.stringify(mode)], options);
  const state = await patiently(() => api.risk.getProtection({}));
  const { entries } = await patiently(() => api.config.getConfig({ keys: ['protection.mode', 'protection.state'] }));
  const shares = state.active ? words(`; limits ×${state.edgeShare}, queues ×${state.queueShare}`, `；限流 ×${state.edgeShare}，排队 ×${state.queueShare}`) : '';
  const since = state.sinceTime === undefined ? '' : words(` since ${time(state.sinceTime)}`, `，自 ${time(state.sinceTime)} 起`);
  const on = state.active ? words('on', '已开启') : words('off', '未开启');
  return [`${words('protection', '保护模式')}: ${on} (${nameOf(ProtectionReason, state.reason)})${since}${shares}`, ...entries.map((entry) => `${entry.key} = ${entry.valueJson}`)].join('\n');
}

async function explain(api: Api, order_id: string): Promise<string> {
  const { state, happened, nextEn, nextZh } = await patiently(() => api.ops.explainOrder({ orderId: order_id }));
  const rows = happened.map((one) => [time(one.time), one.service, words(one.textEn, one.textZh)]);
  return `${order_id}: ${state}\n${table([words('TIME', '时间'), words('SERVICE', '服务'), words('WHAT', '发生')], rows)}${nextEn === '' ? '' : `\n→ ${words(nextEn, nextZh)}`}`;
}

function needed(value: string | undefined, name: string): string {
  if (value === undefined || value === '') throw new Told(`${name} is missing; see --help`, `缺少 ${name}；参见 --help`);
  return value;
}

function stateOf(run: JobRun | undefined): string {
  return run === undefined ? '' : nameOf(JobState, run.state);
}

/** In railway time. */
function time(at: Timestamp | undefined): string {
  return at === undefined ? '' : formatRfc3339(timestampDate(at).getTime()).slice(5, 19).replace('T', ' ');
}

function newId(): string {
  return uuid7(systemClock, systemRandom);
}

/** The contract's own word for a number; the number itself when a newer contract sent it. */
function nameOf(values: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(values).find((name) => values[name] === value) ?? String(value);
}
