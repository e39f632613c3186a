import { timestampDate, type Timestamp } from '@bufbuild/protobuf/wkt';
import { RefundCause, RunRefundState, type RunRefund } from '#gen/rail/aftersales/v1/refund_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { formatFen } from '#kit/base/money.ts';
import { systemRandom } from '#kit/base/random.ts';
import { formatRfc3339 } from '#kit/base/time.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { Told, words } from '../say.ts';
import type { Api } from '../traveller/api.ts';
import { patiently } from '../traveller/patience.ts';
import { table } from './table.ts';

/** Refunds of whole runs: which there are, how far one is, and a new one by hand. */
export async function runRefunds(api: Api, [what = 'list', subject = '', ...reason]: readonly string[]): Promise<string> {
  if (what === 'run') {
    if (subject === '' || reason.length === 0) throw new Told('Name the run and the reason, which travellers read: refunds run G101.20260115 REASON', '请写明车次与原因（旅客可见）：refunds run G101.20260115 原因');
    const request = { requestId: uuid7(systemClock, systemRandom), runId: subject, reason: reason.join(' ') };
    const { jobId } = await patiently(() => api.refund.refundRun(request));
    return show(await one(api, jobId));
  }
  if (what === 'show') {
    if (subject === '') throw new Told('JOB is missing; see --help', '缺少任务编号；参见 --help');
    return show(await one(api, subject));
  }
  if (what !== 'list') throw new Told(`refunds has no "${what}"`, `refunds 没有 "${what}"`);
  const { refunds } = await patiently(() => api.refund.listRunRefunds({ runId: subject }));
  return refunds.length === 0 ? words('No run is refunded.', '没有整列车退票任务。') : show(...refunds);
}

async function one(api: Api, job_id: string): Promise<RunRefund> {
  const { refund } = await patiently(() => api.refund.getRunRefund({ jobId: job_id }));
  return refund!;
}

function show(...jobs: readonly RunRefund[]): string {
  const rows = jobs.map((job) => [
    job.jobId, job.runId, job.cause === RefundCause.RUN_CANCELLED ? words('cancelled', '停运') : words('by hand', '人工'), STATES[job.state] ?? String(job.state), `${job.itemsRefunded}/${job.items}`, String(job.ordersOpen), String(job.itemsFailed),
    formatFen(job.returned?.amountFen ?? 0n), time(job.createTime), time(job.finishTime), job.reason,
  ]);
  const heads = ['JOB', words('RUN', '车次'), words('WHY', '缘由'), words('STATE', '状态'), words('REFUNDED', '已退/全部'), words('OPEN ORDERS', '未完订单'), words('FOR PEOPLE', '需人工'), words('MONEY', '退款额'), words('BEGAN', '开始'), words('ENDED', '结束'), words('REASON', '原因')];
  const problems = jobs.flatMap((job) => job.problems.map(({ orderId, reason }) => `${job.runId} ${words('order', '订单')} ${orderId}: ${reason}`));
  return [table(heads, rows), ...problems].join('\n');
}

const STATES: Readonly<Record<number, string>> = {
  [RunRefundState.ACTIVE]: words('under way', '进行中'), [RunRefundState.DONE]: words('done', '已完成'), [RunRefundState.STOPPED]: words('stopped: the run runs', '已停止：恢复开行'),
};

/** In railway time. */
function time(at: Timestamp | undefined): string {
  return at === undefined ? '' : formatRfc3339(timestampDate(at).getTime()).slice(5, 19).replace('T', ' ');
}
