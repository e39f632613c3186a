/** The codes of gRPC (https://grpc.io/docs/guides/status-codes/) that we answer with. */
export type CodeName =
  | 'CANCELLED' | 'INVALID_ARGUMENT' | 'DEADLINE_EXCEEDED' | 'NOT_FOUND' | 'ALREADY_EXISTS' | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED' | 'FAILED_PRECONDITION' | 'ABORTED' | 'UNIMPLEMENTED' | 'INTERNAL' | 'UNAVAILABLE' | 'UNAUTHENTICATED';

export type ErrorSpec = { code: CodeName; http_status: number; message_en: string; message_zh: string };

/** The HTTP status the edge's JSON transcoder gives each code; an entry below may ask for another (423, 409). */
export const HTTP_STATUS_OF_CODE: Record<CodeName, number> = {
  CANCELLED: 499,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  UNAUTHENTICATED: 401,
};

/**
 * Every reason we refuse with: the gRPC code, the HTTP status at the edge and what a person reads. A sentence says what
 * happened and what to do next. Reasons are part of the contracts (google.rpc.ErrorInfo.reason): add, never rename.
 */
export const ERRORS = {
  // The request itself is wrong: the same request will never succeed.
  FIELD_INVALID: invalid('Some details are not filled in correctly. Please check the marked fields.', '有信息填写有误，请检查标出的内容。'),
  STATION_UNKNOWN: invalid('We do not know this station. Please choose one from the list.', '未找到该车站，请从列表中选择。'),
  STATION_AMBIGUOUS: invalid('Several places have this name. Please choose one of them.', '有多个地点符合该名称，请选择其中一个。'),
  SAME_STATION: invalid('Departure and destination are the same. Please choose two different stations.', '出发地与目的地相同，请选择两个不同的车站。'),
  DATE_PAST: invalid('This date has passed. Please choose today or a later date.', '所选日期已过，请选择今天或之后的日期。'),
  DATE_BEYOND_SALE_WINDOW: invalid('Tickets for this date are not on sale yet. Please choose an earlier date or come back later.', '所选日期尚未开售，请选择更早的日期或稍后再来。'),
  TOO_MANY_PASSENGERS: invalid('There are too many passengers in one order. Please split them over several orders.', '单个订单的乘车人过多，请分多个订单购买。'),
  ID_NUMBER_INVALID: invalid('This ID number is not correct. Please compare it with the document.', '证件号码有误，请对照证件核对。'),
  PHONE_INVALID: invalid('This phone number is not correct. Please check it.', '手机号码有误，请核对后重新填写。'),
  PASSWORD_WEAK: invalid('This password is too easy to guess. Please use at least 8 characters with letters and digits.', '密码过于简单，请至少使用 8 位字母与数字的组合。'),
  PAGE_TOKEN_INVALID: invalid('This list has changed. Please open it again from the first page.', '列表已更新，请从第一页重新打开。'),
  REQUEST_ID_INVALID: invalid('The request id must be a UUID of version 7. Please create a new one.', '请求编号须为 UUIDv7，请重新生成。'),
  REQUEST_ID_EXPIRED: invalid('This request is too old to repeat. Please look at your orders before you try again.', '请求已过期，请先查看订单再重新操作。'),
  STOPS_NOT_ON_RUN: invalid('This train does not travel between these two stations. Please choose another train.', '该车次不经过所选的出发站与到达站，请选择其他车次。'),
  SEAT_CLASS_UNKNOWN: invalid('This train does not have this class. Please choose another class.', '该车次没有此席别，请选择其他席别。'),
  SEAT_MALFORMED: invalid('This seat does not exist. Please choose one from the seat map.', '座位号有误，请从座位图中选择。'),
  MESSAGE_TOO_LARGE: invalid('The request is too large. Please send less at once.', '请求内容过大，请分批提交。'),
  FEED_INVALID: invalid('This timetable cannot be used. Please correct the reported errors and import it again.', '时刻表数据无效，请按提示修正后重新导入。'),
  ITEMS_DUPLICATE: invalid('The same passenger is listed twice. Please remove one of them.', '同一乘车人重复，请删除其中一个。'),
  AMOUNT_INVALID: invalid('The amount is not correct. Please reload the page and try again.', '金额有误，请刷新页面后重试。'),
  DEADLINE_IN_PAST: invalid('The time limit has passed already. Please choose a later one.', '截止时间已过，请选择更晚的时间。'),
  SAME_JOURNEY: invalid('The new journey is the same as the old one. Please choose another train, seat or class.', '新行程与原行程相同，请选择其他车次、座位或席别。'),

  // Who are you?
  TOKEN_MISSING: unauthenticated('Please sign in first.', '请先登录。'),
  TOKEN_INVALID: unauthenticated('Your sign-in is not valid. Please sign in again.', '登录状态无效，请重新登录。'),
  TOKEN_EXPIRED: unauthenticated('Your sign-in has expired. Please sign in again.', '登录已过期，请重新登录。'),
  CREDENTIALS_WRONG: unauthenticated('The account or the password is wrong. Please try again.', '账号或密码错误，请重试。'),
  SIGNATURE_INVALID: unauthenticated('The signature does not match. Please check the signing key and the signed text.', '签名校验失败，请检查签名密钥与签名内容。'),
  SESSION_REVOKED: unauthenticated('You were signed out on this device. Please sign in again.', '您已在该设备退出登录，请重新登录。'),

  // You may not.
  NOT_ALLOWED: denied('You are not allowed to do this. Please use the account that owns it.', '您无权进行此操作，请使用对应的账号。'),
  ACCOUNT_BLOCKED: denied('This account is blocked. Please contact customer service at 12306.', '账号已被限制，请联系客服 12306。'),
  REAL_NAME_REQUIRED: denied('Please finish the real-name check of this passenger first.', '请先完成该乘车人的实名核验。'),
  REAL_NAME_REJECTED: denied('Name and ID number do not belong together. Please compare them with the document.', '姓名与证件号码不一致，请对照证件核对。'),
  CAPTCHA_REQUIRED: denied('Please solve the check to show that you are a person.', '请先完成安全验证。'),
  CAPTCHA_WRONG: denied('The check was not solved. Please try the new one.', '验证未通过，请重新验证。'),
  CANCELLATION_LIMIT: denied('You cancelled too many orders today. Please buy again tomorrow.', '今日取消订单次数过多，请明日再购票。'),
  RISK_REJECTED: denied('We cannot accept this purchase. Please contact customer service at 12306.', '该笔购票未通过安全审核，请联系客服 12306。'),

  // There is no such thing, or not for you.
  ORDER_NOT_FOUND: missing('We cannot find this order. Please look in your list of orders.', '未找到该订单，请在订单列表中查看。'),
  PASSENGER_NOT_FOUND: missing('We cannot find this passenger. Please choose one from your list.', '未找到该乘车人，请从列表中选择。'),
  TRAIN_RUN_NOT_FOUND: missing('This train does not run on this day. Please choose another train or day.', '该车次当日不开行，请选择其他车次或日期。'),
  TICKET_NOT_FOUND: missing('We cannot find this ticket. Please look in your list of orders.', '未找到该车票，请在订单列表中查看。'),
  PAYMENT_NOT_FOUND: missing('We cannot find this payment. Please look at the order.', '未找到该支付记录，请查看订单。'),
  REFUND_NOT_FOUND: missing('We cannot find this refund. Please look at the order.', '未找到该退款记录，请查看订单。'),
  CHANGE_NOT_FOUND: missing('We cannot find this change. Please look at the order.', '未找到该改签记录，请查看订单。'),
  STANDBY_NOT_FOUND: missing('We cannot find this standby request. Please look in your list of orders.', '未找到该候补订单，请在订单列表中查看。'),
  STATION_NOT_FOUND: missing('We cannot find this station. Please choose one from the list.', '未找到该车站，请从列表中选择。'),
  HOLD_NOT_FOUND: missing('These seats are no longer held. Please choose again.', '座位占用已失效，请重新选择。'),
  QUEUE_ENTRY_NOT_FOUND: missing('You are not in this queue. Please submit your request again.', '未找到排队记录，请重新提交。'),
  ACCOUNT_NOT_FOUND: missing('We cannot find this account. Please check the name or register.', '未找到该账号，请核对或注册。'),
  SESSION_NOT_FOUND: missing('We cannot find this session. Please sign in again.', '未找到该会话，请重新登录。'),
  JOB_NOT_FOUND: missing('There is no such job. Please choose one from the list.', '未找到该任务，请从列表中选择。'),
  DEAD_LETTER_NOT_FOUND: missing('There is no such dead letter. It may have been replayed already.', '未找到该死信，可能已被重放。'),
  CONFIG_NOT_FOUND: missing('There is no such setting. Please check its name.', '未找到该配置，请核对名称。'),
  TEMPLATE_NOT_FOUND: missing('There is no such template. Please check its name and language.', '未找到该模板，请核对名称与语言。'),
  MESSAGE_NOT_FOUND: missing('There is no such message. Please look in your inbox.', '未找到该消息，请在消息中心查看。'),
  EVIDENCE_NOT_FOUND: missing('There is no such case. Please choose one from the list.', '未找到该风险记录，请从列表中选择。'),
  BLOCK_NOT_FOUND: missing('There is no such entry in the block list. It may have been removed already.', '未找到该名单记录，可能已被移除。'),
  STATEMENT_NOT_FOUND: missing('There is no statement for this day yet. Please try again later.', '当日对账单尚未生成，请稍后再试。'),
  RPC_SERVICE_NOT_FOUND: missing('This server does not offer this service. Please check the address.', '该服务器不提供此服务，请核对地址。'),
  SEAT_NOT_FOUND: missing('There is no such seat on this train. Please choose one from the seat map.', '该车次没有此座位，请从座位图中选择。'),

  // It is there already.
  REQUEST_ID_REUSED: { code: 'ALREADY_EXISTS', http_status: 409, message_en: 'This request id was used for something else. Please create a new one.', message_zh: '请求编号已用于其他操作，请重新生成。' },
  ACCOUNT_EXISTS: { code: 'ALREADY_EXISTS', http_status: 409, message_en: 'This account exists already. Please sign in.', message_zh: '账号已存在，请直接登录。' },
  PASSENGER_EXISTS: { code: 'ALREADY_EXISTS', http_status: 409, message_en: 'This passenger is in your list already.', message_zh: '该乘车人已在您的列表中。' },

  // Somebody was faster: read again, then decide again.
  VERSION_STALE: aborted('This was changed in the meantime. Please reload and try again.', '内容已被更新，请刷新后重试。'),
  QUOTE_STALE: aborted('The price or the fee has changed. Please look at the new one and confirm again.', '价格或手续费已变化，请查看后重新确认。'),
  CONFLICT: aborted('Another action on this is under way. Please try again in a moment.', '有其他操作正在进行，请稍后重试。'),

  // The state of the world does not permit it (now).
  JOURNEY_OVERLAP: refused(409, 'This passenger has another journey at that time. Please cancel it or choose another train.', '该乘车人已有时间冲突的行程，请先取消或选择其他车次。'),
  SEAT_LOCKED: refused(423, 'Somebody else is buying this seat. Please choose another one.', '该座位正被他人占用，请选择其他座位。'),
  SOLD_OUT: refused(409, 'No seats are left. Please choose another train or class, or join the standby list.', '余票不足，请选择其他车次或席别，或提交候补。'),
  SALE_NOT_OPEN: refused(400, 'The sale has not started yet. Please come back at the time of sale.', '尚未到起售时间，请在起售后再来。'),
  SALE_CLOSED: refused(400, 'The sale for this train has ended. Please choose a later train.', '该车次已停止售票，请选择其他车次。'),
  QUEUE_FULL: refused(409, 'The waiting queue is full. Please join the standby list or choose another train.', '排队人数已满，请提交候补或选择其他车次。'),
  QUEUE_TOKEN_EXPIRED: refused(400, 'Your place in the queue has expired. Please submit your request again.', '排队凭证已过期，请重新提交。'),
  ORDER_NOT_PAYABLE: refused(409, 'This order can no longer be paid. Please buy again.', '该订单已无法支付，请重新购票。'),
  ORDER_NOT_CANCELLABLE: refused(409, 'This order can no longer be cancelled. A paid ticket can be refunded.', '该订单已无法取消，已支付的车票可办理退票。'),
  ORDER_STATE_WRONG: refused(409, 'The order does not permit this now. Please reload it.', '订单当前状态不支持此操作，请刷新查看。'),
  ITEM_NOT_REFUNDABLE: refused(409, 'This ticket cannot be refunded. Please look at its state in the order.', '该车票不可退票，请在订单中查看状态。'),
  CHILD_LEFT_ALONE: refused(409, 'A child cannot travel alone. Please give the child’s ticket back as well.', '儿童不能单独乘车，请将同行儿童的车票一并办理。'),
  ITEM_NOT_CHANGEABLE: refused(409, 'This ticket cannot be changed. Please look at its state in the order.', '该车票不可改签，请在订单中查看状态。'),
  CHANGE_NOT_ALLOWED: refused(409, 'This ticket cannot be changed to that train. Please choose another train or ask for a refund.', '该车票无法改签至所选车次，请选择其他车次或办理退票。'),
  CHANGE_ABOVE_LIMIT: refused(409, 'The change costs more than the most you accept. Please accept more or choose another train.', '改签需补差价超出您设定的上限，请提高上限或选择其他车次。'),
  TICKET_NOT_VALID: refused(400, 'This ticket is not valid. Please look for the current one in the order.', '该车票无效，请在订单中查看有效车票。'),
  TRAIN_DEPARTED: refused(400, 'The train has left. Please choose a later one.', '列车已开行，请选择其他车次。'),
  STANDBY_REQUIRED: refused(409, 'Others are waiting for these seats. Please join the standby list.', '已有旅客候补该席位，请提交候补。'),
  STANDBY_NOT_NEEDED: refused(409, 'There are seats left. Please buy a ticket directly.', '该车次尚有余票，请直接购票。'),
  STANDBY_LIMIT: refused(400, 'You have too many standby requests. Please cancel one first.', '候补订单数量已达上限，请先取消一个。'),
  STANDBY_NOT_CANCELLABLE: refused(409, 'This standby request can no longer be cancelled. Please look at the order.', '该候补订单已无法取消，请查看订单。'),
  HOLD_EXPIRED: refused(409, 'Your seats were given back because the time ran out. Please choose again.', '占座已超时释放，请重新选择。'),
  HOLD_CONFLICT: refused(409, 'These seats are held for another order. Please choose again.', '座位已被其他订单占用，请重新选择。'),
  RUN_CANCELLED: refused(400, 'This train does not run today. Please choose another one; paid tickets are refunded in full.', '该列车停运，请选择其他车次；已购车票将全额退款。'),
  PASSENGER_LIMIT: refused(400, 'Your passenger list is full. Please remove somebody first.', '乘车人数量已达上限，请先删除。'),
  PASSENGER_IN_USE: refused(409, 'This passenger has journeys ahead and cannot be removed yet.', '该乘车人有未出行的行程，暂时无法删除。'),
  REFUND_EXCEEDS_PAID: refused(409, 'More would be refunded than was paid. Please reload the order.', '退款金额超过已支付金额，请刷新订单。'),
  PAYMENT_STATE_WRONG: refused(409, 'The payment does not permit this now. Please reload the order.', '支付当前状态不支持此操作，请刷新订单。'),
  JOB_HELD_BACK: refused(409, 'This job waits until the sale opening is over. Say so explicitly to run it now.', '该任务已为起售高峰让行。如需立即执行，请明确指定。'),
  JOB_RUNNING: refused(409, 'This job is running already. Please wait until it has ended.', '任务正在执行，请等待完成。'),
  INSPECTION_CLOSED: refused(400, 'Boarding for this train is closed. Please ask the staff.', '该车次已停止检票，请咨询工作人员。'),

  // Too much at once.
  THROTTLED: { code: 'RESOURCE_EXHAUSTED', http_status: 429, message_en: 'You are asking too often. Please wait a moment.', message_zh: '操作过于频繁，请稍后再试。' },
  OVERLOADED: { code: 'RESOURCE_EXHAUSTED', http_status: 429, message_en: 'Very many people are here right now. Please try again in a moment.', message_zh: '当前访问人数较多，请稍后重试。' },
  QUOTA_EXCEEDED: { code: 'RESOURCE_EXHAUSTED', http_status: 429, message_en: 'The quota of this partner is used up. Please wait for the next period.', message_zh: '该渠道配额已用完，请等待下一周期。' },

  // Not now: the same request may succeed later.
  SHARD_CLOSED: unavailable('This train is being brought up to date. Please try again in a moment.', '该车次数据正在恢复，请稍后重试。'),
  DEPENDENCY_UNAVAILABLE: unavailable('A part of the system does not answer. Please try again in a moment.', '系统暂时繁忙，请稍后重试。'),
  SHUTTING_DOWN: unavailable('The service is being restarted. Please try again in a moment.', '服务正在重启，请稍后重试。'),
  LEASE_LOST: unavailable('The work has moved to another server. Please try again in a moment.', '服务正在切换，请稍后重试。'),
  OUTCOME_UNKNOWN: unavailable('We do not know yet whether this worked. Please repeat the same request.', '处理结果待确认，请使用同一请求重试。'),

  DEADLINE: { code: 'DEADLINE_EXCEEDED', http_status: 504, message_en: 'This took too long. Please look whether it worked before you try again.', message_zh: '处理超时，请先确认结果再重试。' },
  CANCELLED: { code: 'CANCELLED', http_status: 499, message_en: 'The request was cancelled.', message_zh: '请求已取消。' },
  NOT_IMPLEMENTED: { code: 'UNIMPLEMENTED', http_status: 501, message_en: 'This is not offered. Please update the application.', message_zh: '暂不支持该功能，请更新应用。' },
  INTERNAL: { code: 'INTERNAL', http_status: 500, message_en: 'Something went wrong on our side. Please try again later.', message_zh: '系统出现错误，请稍后重试。' },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorReason = keyof typeof ERRORS;

/** True for a text that is a reason of the table, e.g. one that came over the wire from a newer version. */
export function isErrorReason(text: string): text is ErrorReason {
  return Object.hasOwn(ERRORS, text);
}

/** The entry of a reason. */
export function errorSpec(reason: ErrorReason): ErrorSpec {
  return ERRORS[reason];
}

function invalid(message_en: string, message_zh: string): ErrorSpec {
  return { code: 'INVALID_ARGUMENT', http_status: 400, message_en, message_zh };
}

function unauthenticated(message_en: string, message_zh: string): ErrorSpec {
  return { code: 'UNAUTHENTICATED', http_status: 401, message_en, message_zh };
}

function denied(message_en: string, message_zh: string): ErrorSpec {
  return { code: 'PERMISSION_DENIED', http_status: 403, message_en, message_zh };
}

function missing(message_en: string, message_zh: string): ErrorSpec {
  return { code: 'NOT_FOUND', http_status: 404, message_en, message_zh };
}

function aborted(message_en: string, message_zh: string): ErrorSpec {
  return { code: 'ABORTED', http_status: 409, message_en, message_zh };
}

function refused(http_status: number, message_en: string, message_zh: string): ErrorSpec {
  return { code: 'FAILED_PRECONDITION', http_status, message_en, message_zh };
}

function unavailable(message_en: string, message_zh: string): ErrorSpec {
  return { code: 'UNAVAILABLE', http_status: 503, message_en, message_zh };
}
