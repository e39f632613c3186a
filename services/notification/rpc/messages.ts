// Between the contract's messages and the words of the domain.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { DeliveryRateSchema, DeliverySchema, DeliveryState as DeliveryStateEnum, MessageChannel as ChannelEnum, MessageSchema, TemplateSchema, TemplateState as TemplateStateEnum } from '#gen/rail/notification/v1/notification_pb.ts';
import type { DayRate, StoredMessage } from '../app/ports.ts';
import type { Delivery, DeliveryState } from '../domain/delivery.ts';
import type { MessageChannel, Template, TemplateState } from '../domain/template.ts';

export function messageMessage(message: StoredMessage, language: 'zh' | 'en'): MessageInitShape<typeof MessageSchema> {
  const { title, body } = message.inbox?.[language] ?? { title: '', body: '' };
  return { messageId: String(message.message_id), templateId: message.template_id, title, body, createTime: timestampFromMs(message.create_time_ms), read: message.read, orderId: message.order_id };
}

export function templateMessage(template: Template): MessageInitShape<typeof TemplateSchema> {
  const { template_id, channel, version, state, title_zh, body_zh, title_en, body_en, author, reviewer } = template;
  return { templateId: template_id, channel: CHANNEL[channel], version, state: TEMPLATE_STATE[state], titleZh: title_zh, bodyZh: body_zh, titleEn: title_en, bodyEn: body_en, author, reviewer };
}

export function deliveryMessage(delivery: Delivery): MessageInitShape<typeof DeliverySchema> {
  return {
    deliveryId: String(delivery.delivery_id),
    messageId: String(delivery.message_id),
    channel: CHANNEL[delivery.channel],
    state: DELIVERY_STATE[delivery.state],
    recipientMasked: delivery.recipient_masked,
    attempts: delivery.tries,
    lastError: delivery.last_error,
    createTime: timestampFromMs(delivery.create_time_ms),
    sentTime: delivery.sent_time_ms === undefined ? undefined : timestampFromMs(delivery.sent_time_ms),
    deliveredTime: delivery.delivered_time_ms === undefined ? undefined : timestampFromMs(delivery.delivered_time_ms),
    provider: delivery.provider ?? '',
  };
}

export function rateMessage({ date, channel, provider, pending, sent, delivered, failed, mean_delay_ms }: DayRate): MessageInitShape<typeof DeliveryRateSchema> {
  const ended = delivered + failed;
  return {
    date,
    channel: CHANNEL[channel],
    provider,
    pendingCount: BigInt(pending),
    sentCount: BigInt(sent),
    deliveredCount: BigInt(delivered),
    failedCount: BigInt(failed),
    deliveredPermille: ended === 0 ? 0 : Math.floor((delivered * 1000) / ended),
    meanDelayMs: BigInt(mean_delay_ms),
  };
}

export function channelOf(value: ChannelEnum): MessageChannel | undefined {
  return (Object.keys(CHANNEL) as MessageChannel[]).find((word) => CHANNEL[word] === value);
}

const CHANNEL: Record<MessageChannel, ChannelEnum> = { SMS: ChannelEnum.SMS, EMAIL: ChannelEnum.EMAIL, PUSH: ChannelEnum.PUSH, INBOX: ChannelEnum.INBOX };
const TEMPLATE_STATE: Record<TemplateState, TemplateStateEnum> = { PROPOSED: TemplateStateEnum.PROPOSED, ACTIVE: TemplateStateEnum.ACTIVE, REJECTED: TemplateStateEnum.REJECTED, RETIRED: TemplateStateEnum.RETIRED };
const DELIVERY_STATE: Record<DeliveryState, DeliveryStateEnum> = { PENDING: DeliveryStateEnum.PENDING, SENT: DeliveryStateEnum.SENT, DELIVERED: DeliveryStateEnum.DELIVERED, FAILED: DeliveryStateEnum.FAILED };
