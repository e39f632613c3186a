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
    body_zh: '非常抱歉，{date} {train} 次 {from}—{to} 停运，订单 {order} 的票款将全额退回。',
    title_en: 'Your train is cancelled',
    body_en: 'We are sorry: train {train} on {date}, {from} to {to}, does not run. Order {order} is refunded in full.',
  }),
  ...wording('ORDER_REFUNDED', ['INBOX', 'SMS'], {
    title_zh: '退款成功',
    body_zh: '订单 {order} 的退款 {amount}已原路退回，到账时间以支付渠道为准。',
    title_en: 'Your money is on its way back',
    body_en: '{amount} yuan of order {order} were returned to where you paid from. When they arrive depends on the payment provider.',
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
