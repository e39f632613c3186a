/** One purchase from submit to ticket, as a patient client makes it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { field, fieldsOf, numberField, requestBytes, textOf, type Answer, type Wire } from './wire.ts';

/** What somebody wants to buy; ids of requests are made beforehand. */
export type Plan = {
  token: string; device_id: string; address: string; passenger_id: string;
  run_id: string; from_station_id: string; to_station_id: string; seat_class: number;
  submit_id: string; pay_id: string;
};

export type Outcome =
  | { end: 'issued' | 'unfinished'; order_id: string; took_ms: number }
  /** Turned away before there was an order. */
  | { end: 'refused' | 'sold_out' | 'failed'; reason: string };

export type Target = { edge: Wire; edge_host: string; gateway: Wire; gateway_host: string };

/** When somebody who bought looks for the first time, and how often then. */
const FIRST_LOOK_MS = 700;
const LOOK_EVERY_MS = 1_000;
/** A queue is waited in for as long as its token says; a ticket for less. */
const QUEUE_LOOKS_MAX = 900;
const TICKET_LOOKS_MAX = 120;
const TRIES_MAX = 8;
const PAUSE_MS = 1_000;

const ORDERED = 3;
const QUEUE_ENDED = 4;
const SUCCESS = 6;
const CLOSED = 3;

export async function buy(plan: Plan, target: Target): Promise<Outcome> {
  const from_ms = performance.now();
  const submitted = await call(target, plan, 'rail.order.v1.OrderService/SubmitOrder', submitMessage(plan));
  if (submitted.status !== 200) return { end: 'refused', reason: reasonOf(submitted) };
  let status = fieldsOf(bytesOf(fieldsOf(submitted.body).get(1)));
  for (let looks = 0; Number(status.get(2) ?? 0) < ORDERED && looks < QUEUE_LOOKS_MAX; looks += 1) {
    await sleep(Math.max(looks === 0 ? FIRST_LOOK_MS : LOOK_EVERY_MS, Number(status.get(4) ?? 0) / 2));
    const look = await patient(() => call(target, plan, 'rail.order.v1.OrderService/GetQueueStatus', field(1, textOf(status.get(1)))));
    if (look.status !== 200) return { end: 'failed', reason: `queue ${reasonOf(look)}` };
    status = fieldsOf(bytesOf(fieldsOf(look.body).get(1)));
  }
  if (Number(status.get(2) ?? 0) >= QUEUE_ENDED) return { end: 'sold_out', reason: textOf(status.get(7)) };
  const order_id = textOf(status.get(6));
  const paid = await pay(plan, target, order_id);
  if (paid !== undefined) return { end: 'failed', reason: paid };
  for (let looks = 0; looks < TICKET_LOOKS_MAX; looks += 1) {
    await sleep(looks === 0 ? FIRST_LOOK_MS : LOOK_EVERY_MS);
    const look = await patient(() => call(target, plan, 'rail.order.v1.OrderService/GetOrder', field(1, order_id)));
    const state = look.status === 200 ? Number(fieldsOf(bytesOf(fieldsOf(look.body).get(1))).get(3) ?? 0) : 0;
    if (state === SUCCESS) return { end: 'issued', order_id, took_ms: performance.now() - from_ms };
    if (state === CLOSED) return { end: 'failed', reason: 'the order was closed' };
  }
  return { end: 'unfinished', order_id, took_ms: performance.now() - from_ms };
}

/** Undefined when the cashier took the money. */
async function pay(plan: Plan, target: Target, order_id: string): Promise<string | undefined> {
  const message = Buffer.concat([field(1, plan.pay_id), field(2, order_id)]);
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const opened = await patient(() => call(target, plan, 'rail.payment.v1.PaymentService/CreatePayment', message));
    if (opened.status !== 200) return `payment ${reasonOf(opened)}`;
    const pay_url = textOf(fieldsOf(bytesOf(fieldsOf(opened.body).get(1))).get(9));
    if (pay_url !== '') {
      const path = new URL(pay_url).pathname;
      const paid = await patient(() => target.gateway.send(requestBytes(`${path}/pay`, target.gateway_host, '', Buffer.alloc(0))));
      return paid.status < 400 ? undefined : `cashier ${paid.status}`;
    }
    // The gateway did not answer yet; the payment is opened by itself.
    await sleep(PAUSE_MS);
  }
  return 'the payment was never opened';
}

async function call(target: Target, { token, device_id, address }: Plan, method: string, body: Buffer): Promise<Answer> {
  const headers = `content-type: application/proto\r\nconnect-protocol-version: 1\r\nauthorization: Bearer ${token}\r\nx-device-id: ${device_id}\r\nx-forwarded-for: ${address}\r\n`;
  try {
    return await target.edge.send(requestBytes(`/${method}`, target.edge_host, headers, body));
  } catch (error) {
    return { status: 0, body: Buffer.from(String(error)) };
  }
}

/** What is accepted is followed up: a refusal for now is asked again. */
async function patient(ask: () => Promise<Answer>): Promise<Answer> {
  for (let tried = 1; ; tried += 1) {
    const answer = await ask().catch((error: unknown) => ({ status: 0, body: Buffer.from(String(error)) }));
    const passing = answer.status === 0 || answer.status === 429 || answer.status >= 500;
    if (!passing || tried === TRIES_MAX) return answer;
    await sleep(PAUSE_MS * tried);
  }
}

function submitMessage({ submit_id, run_id, from_station_id, to_station_id, passenger_id, seat_class }: Plan): Buffer {
  const passenger = Buffer.concat([field(1, passenger_id), numberField(2, 1), field(3, Buffer.from([seat_class]))]);
  return Buffer.concat([field(1, submit_id), field(2, run_id), field(3, from_station_id), field(4, to_station_id), field(5, passenger)]);
}

/** The reason of the error table where the refusal names one, else Connect's code. */
export function reasonOf({ status, body }: Answer): string {
  const text = body.toString();
  const detail = /"type":"google\.rpc\.ErrorInfo","value":"([^"]+)"/.exec(text)?.[1];
  if (detail !== undefined) return textOf(fieldsOf(Buffer.from(detail, 'base64')).get(1));
  return /"code":"([a-z_]+)"/.exec(text)?.[1] ?? `status ${status} ${text.slice(0, 60)}`;
}

function bytesOf(value: Buffer | number | undefined): Buffer {
  return value instanceof Buffer ? value : Buffer.alloc(0);
}
