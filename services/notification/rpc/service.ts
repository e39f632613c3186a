import { NotificationService } from '#gen/rail/notification/v1/notification_pb.ts';
import type { MessageChannel as ChannelEnum } from '#gen/rail/notification/v1/notification_pb.ts';
import { fail, fieldInvalid } from '#kit/base/result.ts';
import type { Call } from '#kit/rpc/call.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import { implement } from '#kit/rpc/implement.ts';
import type { Implementation } from '#kit/rpc/implement.ts';
import { sendMessage } from '../app/compose.ts';
import { listDeliveries, listMessages, markRead } from '../app/inbox.ts';
import type { Actor, Deps } from '../app/ports.ts';
import { deliveryRates } from '../app/rates.ts';
import { listTemplates, proposeTemplate, reviewTemplate } from '../app/templates.ts';
import type { MessageChannel } from '../domain/template.ts';
import { channelOf, deliveryMessage, messageMessage, rateMessage, templateMessage } from './messages.ts';

/** The contract of notification, translated to use cases. */
export function notificationService(deps: Deps): Implementation {
  return implement(NotificationService, {
    async listMessages({ pageSize, pageToken }, call) {
      const { items, next_page_token, unread } = unwrap(await listMessages(deps, actorOf(call), ownerOf(call), { page_size: pageSize, page_token: pageToken }));
      const language = call.locale === 'en' ? 'en' : 'zh';
      return { messages: items.map((message) => messageMessage(message, language)), nextPageToken: next_page_token, unreadCount: unread };
    },
    async markMessagesRead({ messageIds }, call) {
      return { unreadCount: unwrap(await markRead(deps, actorOf(call), ownerOf(call), messageIds.map((text) => idOf(text, 'message_ids')))) };
    },
    async sendMessage({ messageKey, accountId, templateId, parameters, orderId }, call) {
      const order = { message_key: messageKey, account_id: idOf(accountId, 'account_id'), template_id: templateId, parameters, order_id: orderId };
      return { messageId: String(unwrap(await sendMessage(deps, actorOf(call), order))) };
    },
    async listTemplates(_request, call) {
      return { templates: unwrap(await listTemplates(deps, actorOf(call))).map(templateMessage) };
    },
    async proposeTemplate({ requestId, template }, call) {
      const { templateId = '', titleZh = '', bodyZh = '', titleEn = '', bodyEn = '' } = template ?? {};
      const proposal = { template_id: templateId, channel: channelFrom(template?.channel ?? 0), title_zh: titleZh, body_zh: bodyZh, title_en: titleEn, body_en: bodyEn };
      return { template: templateMessage(unwrap(await proposeTemplate(deps, actorOf(call), requestId, proposal))) };
    },
    async reviewTemplate({ requestId, templateId, channel, version, approve }, call) {
      const review = { request_id: requestId, template_id: templateId, channel: channelFrom(channel), version, approve };
      return { template: templateMessage(unwrap(await reviewTemplate(deps, actorOf(call), review))) };
    },
    async listDeliveries({ orderId, accountId, pageSize, pageToken }, call) {
      const of = { order_id: orderId === '' ? undefined : orderId, account_id: accountId === '' ? undefined : idOf(accountId, 'account_id') };
      const { items, next_page_token } = unwrap(await listDeliveries(deps, actorOf(call), of, { page_size: pageSize, page_token: pageToken }));
      return { deliveries: items.map(deliveryMessage), nextPageToken: next_page_token };
    },
    async getDeliveryRates({ fromDate, toDate }, call) {
      return { rates: unwrap(await deliveryRates(deps, actorOf(call), { from_date: fromDate, to_date: toDate })).map(rateMessage) };
    },
  });
}

function actorOf(call: Call): Actor {
  return { account_id: call.account?.account_id ?? '', service: call.caller.kind === 'service' ? call.caller.service : '', device_id: call.device_id, ip: call.peer_ip };
}

function ownerOf(call: Call): bigint {
  const text = call.account?.account_id ?? '';
  if (!/^\d{1,19}$/.test(text)) throw RpcError.of(fail('TOKEN_INVALID').error);
  return BigInt(text);
}

function idOf(text: string, field: string): bigint {
  if (!/^\d{1,19}$/.test(text)) throw RpcError.of(fieldInvalid(field, 'not an id').error);
  return BigInt(text);
}

function channelFrom(value: ChannelEnum): MessageChannel {
  const channel = channelOf(value);
  if (channel === undefined) throw RpcError.of(fieldInvalid('channel', 'is required').error);
  return channel;
}
