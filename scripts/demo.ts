/** `npm run demo`: buys one ticket on the running stack (or on one of its own) and verifies it, step by step. */
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { readFileSync } from 'node:fs';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { openBus, type Bus } from '#kit/bus/bus.ts';
import { STREAMS } from '#kit/bus/streams.ts';
import { subscribeEvents } from '#kit/bus/subscribe.ts';
import { formatFen } from '#kit/base/money.ts';
import { addDays, serviceDateAt } from '#kit/base/time.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { printError, quiet, say, Told, words } from './say.ts';
import { readStatus, stackFolder } from './stack/folder.ts';
import { startStack } from './stack/up.ts';
import { patiently } from './traveller/patience.ts';
import { Steps } from './traveller/steps.ts';
import { verifyTicket } from './traveller/verify.ts';
import { Traveller, type Choice } from './traveller/traveller.ts';
import type { Api } from './traveller/api.ts';

const HELP = words(
  `npm run demo [-- options]  buys one ticket through the edge and verifies it; exit code 0 only when it verifies

  --name NAME    the stack to buy on (default: default); one is started and ended when it does not run
  --page URL     an edge somewhere else, as https://edge.example.com; nothing is started
  --from PLACE, --to PLACE   station or city, in Chinese or pinyin (default: a busy pair that has seats)
  --date DATE    YYYY-MM-DD (default: the day after tomorrow)
  --feed FILE    for a stack that has to be started: the GTFS zip to sell`,
  `npm run demo [-- 选项]     经由网关购买一张车票并验证；验证通过时退出码为 0

  --name 名称    使用哪一套（默认 default）；未运行时自动启动，结束后关闭
  --page URL     其他位置的网关，例如 https://edge.example.com；不启动任何进程
  --from 地点, --to 地点   车站或城市，中文或拼音（默认选择有余票的热门区间）
  --date 日期    YYYY-MM-DD（默认后天）
  --feed 文件    需要启动时所用的 GTFS zip`,
);

type Options = { name: string; page?: string; from?: string; to?: string; date?: string; feed?: string };

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { name: { type: 'string', default: 'default' }, page: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' }, date: { type: 'string' }, feed: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  if (values.page !== undefined) return buy(values.page, values);
  const running = readStatus(values.name);
  if (running?.state === 'ready') {
    if (values.feed !== undefined) throw new Told(`The stack "${values.name}" runs already; --feed is for one that has to be started.`, `"${values.name}" 已在运行；--feed 仅用于需要启动的情况。`);
    return buy(running.page, values);
  }
  say(`no stack "${values.name}" runs: starting one`, `"${values.name}" 未运行，正在启动`);
  const stack = await startStack({
    name: values.name, reset: false, layout: 'grouped', redis_fsync: 'everysec', log_level: 'warn', services: 'all', edge: true, web: true, seed: true, feed: values.feed, tell: say, signal: new AbortController().signal,
  });
  try {
    return await buy(stack.page, values);
  } finally {
    say('ending the stack', '正在结束');
    await stack.stop();
  }
}

async function buy(page: string, options: Options): Promise<number> {
  const events = options.page === undefined ? await watchEvents(options.name) : undefined;
  const steps = new Steps();
  try {
    const traveller = new Traveller(page);
    await steps.take('register', '注册', () => traveller.register(), () => traveller.login_name);
    const passenger = await steps.take('add a passenger and have the ID verified', '添加乘车人并实名核验', () => traveller.addPassenger(), (one) => `${one.nameMasked} ${one.idNumberMasked}`);
    const choice = await steps.take('find a train with seats', '查询有余票的车次', () => chooseTrain(traveller, options), describe);
    const token = await steps.take('submit the order', '提交订单', () => traveller.submit(choice, passenger), () => '');
    const order_id = await steps.take('wait in the queue', '排队', () => traveller.waitInQueue(token), (id) => `${words('order', '订单')} ${id}`);
    const payment = await steps.take('open the payment', '发起支付', () => traveller.openPayment(order_id), (one) => `${words('payment', '支付')} ${one.paymentId} ${formatFen(one.amount!.amountFen)}`);
    await steps.take('pay at the cashier', '在收银台支付', () => traveller.payAtCashier(payment.payUrl), () => '');
    const seen: string[] = [];
    const order = await steps.take('wait for the ticket', '等待出票', () => traveller.waitForEnd(order_id, (state) => seen.push(nameOf(OrderState, state))), () => seen.join(' → '));
    if (order.state !== OrderState.SUCCESS) throw new Told(`The order ended ${nameOf(OrderState, order.state)} instead of SUCCESS.`, `订单以 ${nameOf(OrderState, order.state)} 结束，未能出票。`);
    const ticket = await steps.take('fetch the e-ticket', '获取电子客票', async () => (await patiently(() => traveller.api.ticketing.listTickets({ orderId: order_id }))).tickets[0]!, (one) => `${words('ticket', '车票')} ${one.ticketId}, ${one.seat!.coachNo} ${one.seat!.seatNo}`);
    await steps.take('verify its QR code offline', '离线验证二维码', () => verifyTicket(traveller.api, ticket), () => words('valid', '有效'));
    await steps.take('look into the inbox', '查看消息', () => inbox(traveller.api), (titles) => titles.join(', '));
    console.log(`\n${words('total', '总计')}: ${steps.totalMs().toFixed(0)} ms`);
    return 0;
  } finally {
    await events?.print();
  }
}

async function chooseTrain(traveller: Traveller, { from, to, date }: Options): Promise<Choice> {
  const day = date ?? addDays(serviceDateAt(Date.now()), 2);
  const pairs = from !== undefined && to !== undefined ? [[from, to]] : [['北京', '上海'], ['上海', '南京'], ['广州', '长沙'], ['北京', '天津'], ['武汉', '郑州']];
  for (const [start, end] of pairs) {
    const [a, b] = [await placeOf(traveller.api, start!), await placeOf(traveller.api, end!)];
    if (a === undefined || b === undefined) continue;
    const choice = await traveller.findTrain(a, b, day);
    if (choice !== undefined) return choice;
  }
  throw new Told(`No train with seats was found for ${pairs.map((pair) => pair.join('–')).join(', ')} on ${day}.`, `${day} 未找到有余票的车次：${pairs.map((pair) => pair.join('—')).join('、')}。`);
}

async function placeOf(api: Api, text: string) {
  const { suggestions } = await patiently(() => api.query.suggestStations({ text, limit: 5 }));
  return suggestions[0]?.place.case === 'station' ? { case: 'stationId' as const, value: suggestions[0].place.value.stationId } : suggestions[0]?.place.case === 'cityZh' ? { case: 'cityZh' as const, value: suggestions[0].place.value } : undefined;
}

function describe({ offer }: Choice): string {
  const { trainNo, serviceDate, fromStationName, toStationName } = offer.journey!;
  return `${trainNo} ${serviceDate} ${fromStationName} → ${toStationName}`;
}

async function inbox(api: Api): Promise<string[]> {
  for (let tries = 0; tries < 40; tries++) {
    const { messages } = await patiently(() => api.notification.listMessages({ pageSize: 10 }));
    if (messages.length >= 2) return messages.map(({ title }) => title);
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  throw new Told('No message about the ticket arrived.', '未收到车票消息。');
}

type Seen = { stream: string; type: string; key: string; version: bigint };

/** What passes over the bus meanwhile, for a stack of this machine; nothing for one elsewhere. */
async function watchEvents(name: string): Promise<{ print(): Promise<void> }> {
  const seen: Seen[] = [];
  let bus: Bus | undefined;
  try {
    const env = JSON.parse(readFileSync(`${stackFolder(name).path}/environment.json`, 'utf8')) as Record<string, string>;
    bus = await openBus({ url: env.NATS_URL!, token: env.NATS_TOKEN, service: 'demo', log: silentLog() });
    for (const stream of STREAMS) await subscribeEvents({ nats: bus, stream, log: silentLog(), handle: (event) => void seen.push({ stream, type: event.type, key: event.key, version: event.version }) });
  } catch {
    quiet('the bus cannot be watched from here');
  }
  return {
    async print() {
      if (seen.length > 0) console.log(`\n${words('events seen', '期间的事件')}:`);
      for (const { stream, type, key, version } of seen) console.log(`  ${stream.padEnd(8)} ${type.split('.').at(-1)!.padEnd(18)} ${key} v${version}`);
      await bus?.close();
    },
  };
}

function nameOf(values: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(values).find((name) => values[name] === value) ?? String(value);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exit(await main());
  } catch (error) {
    printError(error);
    process.exit(1);
  }
}
