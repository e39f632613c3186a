import type { MessageChannel, Template } from './template.ts';

/** The wordings that come with the product, reviewed with it. Later versions are proposed and reviewed by people. */
export const SEED_TEMPLATES: readonly Template[] = [
  ...wording('ORDER_PLACED', ['INBOX', 'SMS', 'PUSH'], {
    title_zh: '订单待支付',
    body_zh: '您已成功占座：{date} {train} 次 {from}—{to}，{departure} 开，{seats}，共 {amount}。请在 {pay_until} 前完成支付，订单号 {order}。',
    title_en: 'Please pay for your seats',
    body_en: 'Seats are held for you: {date}, train {train}, {from} to {to}, departs {departure}, {seats}, {amount} yuan in all. Please pay before {pay_until}. Order {order}.',
  }),
  ...wording('ORDER_TICKETED', ['INBOX', 'SMS', 'EMAIL', 'PUSH'], {
    title_zh: '出票成功',
    body_zh: '{passengers} 购 {date} {train} 次 {from}—{to}，{departure} 开，{seats}，已出票。请持有效证件乘车，订单号 {order}。',
    title_en: 'Your tickets are issued',
    body_en: 'Tickets for {passengers}: {date}, train {train}, {from} to {to}, departs {departure}, {seats}. Please bring your ID document. Order {order}.',
  }),
  ...wording('ORDER_EXPIRED', ['INBOX'], {
    title_zh: '订单超时关闭',
    body_zh: '订单 {order}（{date} {train} 次 {from}—{to}）未在规定时间内支付，席位已释放。',
    title_en: 'Your order was not paid in time',
    body_en: 'Order {order} ({date}, train {train}, {from} to {to}) was not paid in time and its seats were given back.',
  }),
  ...wording('ORDER_CANCELLED', ['INBOX'], {
    title_zh: '订单已取消',
    body_zh: '订单 {order}（{date} {train} 次 {from}—{to}）已取消，席位已释放。',
    title_en: 'Your order was cancelled',
    body_en: 'Order {order} ({date}, train {train}, {from} to {to}) was cancelled and its seats were given back.',
  }),
  ...wording('ORDER_FAILED', ['INBOX', 'SMS', 'PUSH'], {
    title_zh: '出票失败，票款将退回',
    body_zh: '非常抱歉，订单 {order}（{date} {train} 次 {from}—{to}）出票失败，票款 {amount}将原路退回。',
    title_en: 'We could not issue your tickets',
    body_en: 'We are sorry: tickets of order {order} ({date}, train {train}, {from} to {to}) could not be issued. {amount} yuan go back to where you paid from.',
  }),
  ...wording('RUN_CANCELLED', ['INBOX', 'SMS', 'PUSH'], {
    title_zh: '列车停运',
    body_zh: '非常抱歉，{date} {train} 次 {from}—{to} 停运，订单 {order} 的票款将全额退回，您无需办理手续。',
    title_en: 'Your train is cancelled',
    body_en: 'We are sorry: train {train} on {date}, {from} to {to}, does not run. Order {order} is refunded in full; you need not do anything.',
  }),
  ...wording('RUN_CANCELLED_UNPAID', ['INBOX', 'SMS', 'PUSH'], {
    title_zh: '列车停运，订单关闭',
    body_zh: '非常抱歉，{date} {train} 次 {from}—{to} 停运{reason_zh}，订单 {order} 将关闭，请勿支付；如已支付，票款将全额原路退回。您可另选其他车次。',
    title_en: 'Your train is cancelled, your order is closed',
    body_en: 'We are sorry: train {train} on {date}, {from} to {to}, does not run{reason_en}. Order {order} is being closed, please do not pay; money paid already goes back in full. You may choose another train.',
  }),
  ...wording('RUN_RESTORED', ['INBOX', 'SMS', 'PUSH'], {
    title_zh: '列车恢复开行',
    body_zh: '{date} {train} 次 {from}—{to} 恢复开行，{departure} 开。订单 {order} 中尚未退款的车票继续有效，无需重新购票。',
    title_en: 'Your train runs after all',
    body_en: 'Train {train} on {date}, {from} to {to}, runs after all and departs {departure}. Tickets of order {order} that are not refunded stay valid; you need not buy again.',
  }),
  ...wording('TIMES_CHANGED', ['INBOX', 'SMS', 'PUSH'], {
    title_zh: '列车时刻变更',
    body_zh: '{date} {train} 次 {from}—{to} 时刻变更{reason_zh}：原 {previous_departure} 开、{previous_arrival} 到，现 {departure} 开、{arrival} 到。{overlap_zh}订单 {order} 继续有效，请按新时刻乘车；如不便乘坐，可在开车前到订单中办理退票。',
    title_en: 'Your train has new times',
    body_en: 'Train {train} on {date}, {from} to {to}, has new times{reason_en}: it was to leave {previous_departure} and arrive {previous_arrival}, now it leaves {departure} and arrives {arrival}.{overlap_en} Order {order} stays valid: please travel by the new times. If they do not suit you, refund your tickets before departure in your orders.',
  }),
  ...wording('SEATS_GONE', ['INBOX', 'SMS', 'PUSH'], {
    title_zh: '列车编组调整，席位变更',
    body_zh: '非常抱歉，{date} {train} 次 {from}—{to} 编组调整{reason_zh}，订单 {order} 的席位 {seats} 已不在列车上。工作人员将为您另行安排席位；您也可以要求退回票款。',
    title_en: 'Your seat is not on the train any more',
    body_en: 'We are sorry: train {train} on {date}, {from} to {to}, has other coaches{reason_en}, without {seats} of order {order}. Our staff will give you another seat; or you may have your money back.',
  }),
  ...wording('SEATS_BACK', ['INBOX', 'SMS', 'PUSH'], {
    title_zh: '原席位已恢复',
    body_zh: '{date} {train} 次 {from}—{to} 编组再次调整，订单 {order} 的原席位已恢复，请按车票乘车。',
    title_en: 'Your seat is on the train again',
    body_en: 'Train {train} on {date}, {from} to {to}, has the seats of order {order} again: please travel as your ticket says.',
  }),
  ...wording('ORDER_REFUNDED', ['INBOX', 'SMS'], {
    title_zh: '退款成功',
    body_zh: '订单 {order} 的退款 {amount}已原路退回，到账时间以支付渠道为准。',
    title_en: 'Your money is on its way back',
    body_en: '{amount} yuan of order {order} were returned to where you paid from. When they arrive depends on the payment provider.',
  }),
  // Who has not read that the train does not run has been sent that already: this one says what became of the money.
  ...wording('RUN_CANCELLED_REFUND', ['INBOX'], {
    title_zh: '列车停运，票款全额退回',
    body_zh: '{date} {train} 次 {from}—{to} 停运（{reason_zh}），订单 {order} 的票款 {amount}正在全额原路退回，不收退票费，您无需办理退票。',
    title_en: 'Your train does not run: the whole fare comes back',
    body_en: 'Train {train} on {date}, {from} to {to}, does not run ({reason_en}). {amount} of order {order} are on their way back to where you paid from, without a fee. You need not do anything.',
  }),
  ...wording('RUN_REFUND', ['INBOX', 'SMS', 'PUSH'], {
    title_zh: '铁路部门为您全额退票',
    body_zh: '因{reason_zh}，{date} {train} 次 {from}—{to} 的车票由铁路部门办理退票，订单 {order} 的票款 {amount}正在全额原路退回，不收退票费。',
    title_en: 'The railway refunds your tickets in full',
    body_en: 'Your tickets of train {train} on {date}, {from} to {to}, are refunded by the railway ({reason_en}). {amount} of order {order} are on their way back to where you paid from, without a fee.',
  }),
  ...wording('ORDER_CHANGED', ['INBOX', 'SMS', 'PUSH'], {
    title_zh: '改签成功',
    body_zh: '您已改签至 {date} {train} 次 {from}—{to}，{departure} 开，{seats}，票价 {amount}，原车票已失效。请持有效证件乘车，订单号 {order}。',
    title_en: 'Your tickets are changed',
    body_en: 'You travel on {date} by train {train}, {from} to {to}, departs {departure}, {seats}, {amount} yuan; the old tickets are void. Please bring your ID document. Order {order}.',
  }),
  ...wording('CHANGE_GIVEN_UP', ['INBOX'], {
    title_zh: '改签未办理，原车票有效',
    body_zh: '改签至 {date} {train} 次 {from}—{to} 未办理，席位已释放，已支付的差价将原路退回。原车票仍然有效，订单号 {order}。',
    title_en: 'Your tickets stay as they were',
    body_en: 'The change to train {train} on {date}, {from} to {to}, was not made and its seats were given back; what was paid for it is returned. Your tickets are valid as before. Order {order}.',
  }),
  ...wording('UPGRADE_DUE', ['INBOX', 'SMS', 'PUSH'], {
    title_zh: '已为您锁定更优车次，请补差价',
    body_zh: '您候补的 {date} {train} 次 {from}—{to} 已有席位：{departure} 开，{seats}。请在 {pay_until} 前支付差价 {amount}，逾期席位释放，原车票仍然有效。订单号 {order}。',
    title_en: 'A better train has seats for you: please pay the difference',
    body_en: 'Seats are held for you on {date}, train {train}, {from} to {to}, departs {departure}, {seats}. Please pay the difference of {amount} yuan before {pay_until}; otherwise they are given back and your tickets stay valid as they are. Order {order}.',
  }),
  ...wording('UPGRADE_PASSED', ['INBOX'], {
    title_zh: '有席位但未为您改签，继续候补其他车次',
    body_zh: '您候补的 {departure} 开的车次已有席位，但未为您改签：{reason_zh}其他车次继续候补，原车票仍然有效，订单号 {order}。',
    title_en: 'A train had seats and was not taken for you',
    body_en: 'The train at {departure} that you wait for had seats, but your tickets were not changed. {reason_en} We go on with the other trains; your tickets are valid as before. Order {order}.',
  }),
  ...wording('UPGRADE_ENDED', ['INBOX', 'PUSH'], {
    title_zh: '候补更优车次已结束',
    body_zh: '订单 {order} 候补更优车次已结束：{reason_zh}未为您改签，车票以订单为准。',
    title_en: 'Your request for a better train has ended',
    body_en: 'The request for a better train for order {order} has ended, without a change. {reason_en} Your order shows your tickets.',
  }),
  // A match is told by its order.
  ...wording('STANDBY_ENTERED', ['INBOX', 'PUSH'], {
    title_zh: '已为您转入候补',
    body_zh: '排队人数已满或席位已售完，已按您的意愿转入候补：{date} {train} 次 {from}—{to}，{passengers} 人，截止 {deadline}。暂不收款，有席位时将通知您支付。候补单号 {standby}。',
    title_en: 'You are in the standby list',
    body_en: 'The queue was full or no seats were left. As you wished, you wait in the standby list: {date}, train {train}, {from} to {to}, passengers: {passengers}, until {deadline}. Nothing is paid yet; you will be told to pay when there are seats. Standby {standby}.',
  }),
  ...wording('STANDBY_SOLD_OUT', ['INBOX', 'SMS', 'PUSH'], {
    title_zh: '候补未成功',
    body_zh: '很抱歉，截至 {deadline} 未能为您候补到 {date} {train} 次 {from}—{to}{others_zh}的席位，候补单 {standby} 已结束，未产生任何费用。您可以选择其他车次。',
    title_en: 'Your standby request found no seats',
    body_en: 'We are sorry: until {deadline} nobody gave back the seats you waited for ({date}, train {train}, {from} to {to}{others_en}). Standby {standby} is over; nothing was paid. Please choose another train.',
  }),
  ...wording('STANDBY_RUN_CANCELLED', ['INBOX', 'SMS', 'PUSH'], {
    title_zh: '候补列车停运',
    body_zh: '您候补的 {date} {train} 次 {from}—{to}{others_zh}已停运，候补单 {standby} 已结束，未产生任何费用。请选择其他车次。',
    title_en: 'The train you waited for does not run',
    body_en: 'The train you waited for does not run: {date}, train {train}, {from} to {to}{others_en}. Standby {standby} is over; nothing was paid. Please choose another train.',
  }),
  ...wording('STANDBY_UNPAID', ['INBOX'], {
    title_zh: '候补席位未支付，候补结束',
    body_zh: '为您候补到的 {date} {train} 次 {from}—{to} 席位（订单 {order}）未在规定时间内支付，已让给下一位旅客，候补单 {standby} 已结束。',
    title_en: 'Your standby seats were not paid in time',
    body_en: 'The seats found for you ({date}, train {train}, {from} to {to}, order {order}) were not paid in time and went to the next who waits. Standby {standby} is over.',
  }),
  ...wording('STANDBY_FAILED', ['INBOX', 'SMS', 'PUSH'], {
    title_zh: '候补已终止',
    body_zh: '{date} {train} 次 {from}—{to}{others_zh}的候补（候补单 {standby}）无法继续：{reason_zh}未产生任何费用。',
    title_en: 'Your standby request could not go on',
    body_en: 'Your standby request {standby} ({date}, train {train}, {from} to {to}{others_en}) could not go on: {reason_en} Nothing was paid.',
  }),
  ...wording('PAYMENT_RETURNED', ['INBOX', 'SMS'], {
    title_zh: '支付款项已退回',
    body_zh: '您为订单 {order} 支付的 {amount}未能用于购票，已原路退回，到账时间以支付渠道为准。',
    title_en: 'Your payment was returned',
    body_en: '{amount} yuan that you paid for order {order} bought no tickets and were returned to where you paid from.',
  }),
];

function wording(template_id: string, channels: readonly MessageChannel[], text: Pick<Template, 'title_zh' | 'body_zh' | 'title_en' | 'body_en'>): Template[] {
  return channels.map((channel) => ({ template_id, channel, version: 1n, state: 'ACTIVE', author: 'system', reviewer: 'system', ...text }));
}
