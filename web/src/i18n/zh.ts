import { changeZh } from './change_zh.ts';
import { standby_zh } from './standby_zh.ts';
import { upgrade_zh } from './upgrade_zh.ts';

/** Every word people read, in Chinese. `en.ts` has the same shape: the compiler and a test see to it. */
export const zh = {
  brand: { name: '春运', tagline: '铁路购票', skip: '跳到正文' },
  nav: { main: '主导航', book: '购票', orders: '订单', messages: '消息', passengers: '乘车人', account: '我的', log_in: '登录', unread: (count: number) => `${count} 条未读消息`, language: 'English', language_label: 'Switch to English' },
  foot: { note: '余票实时计算，所见即可购。票款在出票成功后才算成交。', help: '客服 12306' },
  common: {
    loading: '加载中', retry: '重试', retry_in: (seconds: number) => `${seconds} 秒后可重试`, cancel: '取消', close: '关闭', save: '保存', remove: '删除', confirm: '确认', more: '加载更多', optional: '选填', live: '实时', polling: '连接中断，正在定时查询',
    offline: '网络已断开。已显示的内容可能不是最新，恢复后会自动继续。', error_offline: '无法连接服务器，请检查网络。', error_unknown: '出了点问题，请稍后重试。', error_throttled: '操作过于频繁，请稍候。', log_in_first: '请先登录，再继续。', to_log_in: '去登录', broken_title: '页面出错了', broken_body: '这一页没能显示出来。您的订单不受影响。', reload: '重新加载', protected_opening: '车票刚刚起售，访问人数很多。为保证每位旅客都能被处理，排队速度已适当放缓，您的位置不会丢失。', protected_busy: '当前访问人数很多。为确保已受理的订单顺利完成，排队速度已适当放缓，您的位置不会丢失。', degraded: '系统繁忙，余票可能稍有延迟，以提交结果为准。',
    from_to: (from: string, to: string) => `${from} 至 ${to}`,
  },
  place: { meant: '您要找的是：', from: '出发地', to: '目的地', from_hint: '车站、城市或拼音', swap: '交换出发地与目的地', city_all: (count: number) => (count > 0 ? `全部 ${count} 个车站` : '同城车站'), city: '城市', none: '没有匹配的车站', results: (count: number) => `${count} 个结果，用上下键选择`, required: '请从列表中选择车站', same: '出发地与目的地不能相同' },
  date: { label: '出发日期', today: '今天', tomorrow: '明天', day_after: '后天', weekdays: ['周一', '周二', '周三', '周四', '周五', '周六', '周日'], weekdays_short: ['一', '二', '三', '四', '五', '六', '日'], month: (year: number, month: number) => `${year}年${month}月`, day: (month: number, day: number) => `${month}月${day}日`, full: (year: number, month: number, day: number, weekday: string) => `${year}年${month}月${day}日 ${weekday}`, previous_month: '上个月', next_month: '下个月', window: (days: number) => `预售期 ${days} 天`, strip: '选择出发日期' },
  search: {
    headline_1: '一票', headline_2: '到家', lead: '四面八方的路，最后都通向一张饭桌。', ticket_label: '乘车意向', submit: '查询车票', only_high_speed: '只看高铁动车', student: '学生票', recent: '最近查询', clear_recent: '清除', promises_title: '我们的承诺',
    promises: [
      ['所见即可购', '余票数就是此刻真正能买到的座位数，不多报，也不少报。'],
      ['排队有先后', '名次、前方人数和预计时间随时可见，无需反复刷新。'],
      ['无票不收钱', '付了款却没能出票，票款自动原路退回。'],
    ] as [string, string][],
  },
  results: {
    title: '车次', count: (count: number) => `共 ${count} 趟`, filters: '筛选', reset: '清除筛选', train_type: '车型', departure: '出发时段', seat_class: '席别', only_available: '只看有票', sort: '排序', sorts: { departure: '出发最早', arrival: '到达最早', duration: '耗时最短', price: '价格最低' },
    windows: { night: '00–06 凌晨', morning: '06–12 上午', afternoon: '12–18 下午', evening: '18–24 晚间' }, types: { G: 'G 高铁', D: 'D 动车', C: 'C 城际', Z: 'Z 直达', T: 'T 特快', K: 'K 快速', other: '其他' },
    stops_show: '经停站', stops_hide: '收起', stop: '车站', arrive: '到达', depart: '出发', stay: '停留', first: '始发', last: '终到', duration: (hours: number, minutes: number) => (hours > 0 ? `${hours}时${minutes}分` : `${minutes}分`), day_plus: (days: number) => `+${days}天`,
    have: '有', left: (count: number) => `余${count}`, standby: '候补', none: '无', stale: '数据更新中', sale_from: (time: string) => `${time} 起售`, sale_closed: '已停售', cancelled: '停运', empty: '这一天没有直达列车', empty_hint: '换个日期，或改用同城的其他车站。', filtered_out: '没有符合筛选条件的车次', updated: '余票实时更新', kinds: '行程方式', direct: '直达', transfers: '中转一次', see_transfers: '看看中转方案', arrival: '到达时段', from_station: '出发车站', to_station: '到达车站', student_fare: '学生优惠价', student_mark: '学', student_note: '学生优惠票限二等座、硬座和硬卧，在 6 月至 9 月、12 月至次年 3 月的乘车日有效；其他席别按成人票价。', student_full_fare: '学生优惠票只在 6 月至 9 月、12 月至次年 3 月的乘车日有效，限二等座、硬座和硬卧。本页均按成人票价。', transfers_count: (count: number, more: boolean) => (more ? `已列出 ${count} 个方案` : `共 ${count} 个方案`), transfers_note: '两段车票分别购买、分别计价。已列出的方案都留足了换乘时间，且没有别的方案出发更晚、到达更早、又更便宜。', transfers_empty: '这一天没有换乘一次的方案', transfers_filtered_out: '没有符合筛选条件的方案', transfers_empty_hint: '换个日期，或放宽条件再试。', fare_from: (price: string) => `全程 ${price} 起`, both_available: '两段有票', not_both_available: '有一段无票', change_same: (station: string, wait: string) => `${station}站内换乘 · 间隔 ${wait}`, change_other: (from: string, to: string, wait: string, minutes: number) => `同城换站：${from} → ${to}，路上至少留 ${minutes} 分 · 间隔 ${wait}`, leaves_at: (time: string) => `${time} 开车`, change_left: (count: number) => `换座 余${count}`, change_at: (stops: string) => `在${stops}换座`, edit: '修改行程', choose: (train: string) => `预订 ${train}`, minutes: (count: number) => `${count}分`,
  },
  classes: { business: '商务座', first: '一等座', second: '二等座', soft_sleeper: '软卧', hard_sleeper: '硬卧', soft_seat: '软座', hard_seat: '硬座', standing: '无座', unknown: '席位' },
  types: { adult: '成人票', child: '儿童票', student: '学生票', veteran: '残军票', unknown: '车票' },
  account: {
    log_in_title: '登录', register_title: '注册', login_name: '用户名', login_name_hint: '4–32 位字母、数字或下划线', password: '密码', password_hint: '至少 8 位，包含两种字符', password_again: '再输一次密码', phone: '手机号', email: '电子邮箱', show_password: '显示密码', hide_password: '隐藏密码', shared: '这是公共电脑（关闭页面后退出）', log_in: '登录', register: '注册并登录', no_account: '还没有账号？', have_account: '已有账号？', title: '我的账号', member_since: '注册时间', log_out: '退出登录', log_out_everywhere: '在所有设备上退出', welcome: '回家的路，从这里开始。',
    problem: { login_name: '用户名须为 4–32 位字母、数字或下划线', password: '密码至少 8 位，且包含字母、数字、符号中的两种', password_again: '两次输入的密码不一致', phone: '请输入 11 位大陆手机号', email: '邮箱格式不正确', required: '请填写此项' },
  },
  passengers: {
    title: '乘车人', add: '添加乘车人', name: '姓名', id_type: '证件类型', id_number: '证件号码', type: '票种', phone: '手机号', empty: '还没有乘车人', empty_hint: '购票前请添加乘车人并完成实名核验。', verify_again: '重新核验', remove_confirm: (name: string) => `删除乘车人 ${name}？`, limit: (max: number) => `最多保存 ${max} 位乘车人`, checking: '正在向实名系统核验…',
    id_types: { resident: '居民身份证', passport: '护照', hk_macau: '港澳居民来往内地通行证', taiwan: '台湾居民来往大陆通行证' }, states: { pending: '核验中', verified: '已核验', rejected: '核验未通过', manual: '需人工核验' },
    problem: { name: '请填写与证件一致的姓名', length: '身份证号码应为 18 位', region: '身份证号码的地区码不存在', birth_date: '身份证号码中的出生日期有误', check_digit: '身份证号码校验位不符，请逐位核对', document: '证件号码应为 5–20 位字母或数字' },
  },
  booking: {
    title: '确认订单', seat_class: '席别', passengers: '乘车人', passengers_hint: (max: number) => `最多选择 ${max} 人`, wishes: '选座意愿', wishes_hint: '尽量满足；余票不足时由系统分配。', window: '窗', aisle: '过道', window_seat: '靠窗', aisle_seat: '靠过道', together: '同行相邻', same_coach: '同一车厢', quiet: '静音车厢', required: '必须满足：满足不了就不出票', berth: '铺位', berths: { any: '不限', lower: '下铺', middle: '中铺', upper: '上铺' }, standing: '座位售完时接受无座', standby: '排队已满或轮到时已售完，自动转为候补（现在不收款，有票再付）', total: '合计', up_to: '最高', submit: '提交订单', submitting: '正在提交…', choose_passenger: '请至少选择一位乘车人', too_many: '一个订单最多 5 位乘车人', child_needs_adult: '儿童须与成人同行，请同时选择一位成人', not_verified: '核验通过后可购票', sold_out: '该席别暂无余票，可选其他席别，或提交后候补。', standby_made: '已转为候补', standby_body: (id: string) => `排队人数已满，已为您登记候补（${id}）。排队的旅客办理完后，有票时会通过消息通知您支付。`, seat: (letter: string, place: string) => `${letter} 座 ${place}`, change: '接受中途换座', change_body: (stops: string) => `这一席别没有能坐到底的座位，但同一趟车上有两到三个座位接起来可以坐完全程，预计在${stops}换座，以订单为准。仍是一张车票、一份票价，所有座位同时占好。`, quote_changed: '票价已更新，请核对新的合计后再次提交。', agree: '提交即表示同意《铁路旅客运输规程》。',
  },
  seats: {
    open: '在座位图上选座', lead: '自己挑座位，锁定后保留一分钟。', title: '选座', passengers_first: '请先选择乘车人，再选座位。', sold_out: '没有能坐到底的座位可选。', coach: (no: string, free: number) => `${no}车 余${free}`, coaches: '车厢', map: (no: string) => `${no}车座位图`, window: '窗', aisle: '过道', window_seat: '靠窗', aisle_seat: '靠过道', row: (no: number) => `${no}排`, compartment: (no: number) => `${no}号隔间`, free: '可选', taken: '不可选', chosen: '已选', quiet: '静音车厢', keys: '用方向键移动，按空格键选择。', picked: (count: number, total: number) => `已选 ${count}/${total}`, lock: '锁定所选座位', locking: '正在锁定…', lost: (seats: string) => `${seats} 刚被别人选走，请另选。`, locked: '座位已锁定', left: (time: string) => `还剩 ${time}`, change: '更换座位', expired: '锁定已超时，座位放回去了，请重新选座。',
  },
  queue: {
    title: '排队中', position: '前方还有', people: '人', next: '马上轮到您', processing: '轮到您了，正在占座', estimate: (text: string) => `预计等待 ${text}`, estimate_soon: '预计不到一分钟', minutes: (count: number) => `约 ${count} 分钟`, seconds: (count: number) => `约 ${count} 秒`, you: '您', counter: '售票窗口', total: (count: number) => `本次列车共 ${count} 人在排队`, calm: '不必刷新。关掉页面再回来，名次也会保留。', hopeless_title: '希望不大', hopeless: '您可接受的席别，前方的需求已不少于余票和未支付的席位。名次仍然保留，轮到您时照常办理。您可以看看其他车次，不影响名次；也可以放弃排队，改选其他席别，或在无票的车次上提交候补。', hopeless_other: '看看其他车次', leave: '放弃排队', leave_confirm: '放弃后名次不保留，需要重新排队。确定吗？', stay: '继续排队', left: '您已离开队列', failed: '没能买到', no_standby: (reason: string) => `未能为您转入候补：${reason}`, again: '重新查询', none: '当前没有排队', none_hint: '提交订单后会在这里排队。', announce: (ahead: number, estimate: string) => `前方 ${ahead} 人，${estimate}`, since: (time: string) => `${time} 开始排队`, picture: (done: number) => `已前进 ${done}%`, pass: '排队凭条', priorities: '谁先办理', priority_own: (own: string) => `您的顺位：${own}`, priorities_rule: '每趟车的队伍都按以下次序办理；同一顺位内先到先得。', priority_need: '携带儿童或残疾军人出行，并已声明', priority_member: (level: number) => `${level} 级及以上会员`, priority_everybody: '其他所有旅客', reminder: '您正在排队。', to_queue: '查看位置',
  },
  order: {
    title: '订单', list_title: '我的订单', empty: '还没有订单', empty_hint: '查询车次，买一张回家的票。', number: '订单号', created: '下单时间', total: '票款', coach: (no: string) => `${no}车`, seat: (no: string) => `${no}号`, berth: (no: string, level: string) => `${no}号${level}`, passenger: '乘车人', pay: '去支付', cancel: '取消订单', cancel_confirm: '取消后座位立即释放，确定取消吗？', cancelling: '正在取消…', keep: '保留订单', tickets: '电子客票', timeline: '办理进度', filters: { all: '全部', unpaid: '待支付', upcoming: '已出票', done: '已完结' },
    states: { wait_pay: '待支付', closing: '关闭中', closed: '已关闭', paid: '已支付', ticketing: '出票中', success: '出票成功', fail: '出票失败', refund: '退票中', change: '改签中', unknown: '处理中' },
    hints: { wait_pay: '座位已为您保留，请在倒计时内完成支付。', closing: '正在与支付渠道确认，请稍候。', paid: '已收到票款，正在为您出票。', ticketing: '正在向铁路登记并签发电子客票。', success: '出票成功，凭有效证件原件乘车。', fail: '很抱歉未能出票，票款将原路退回。', refund: '退票办理中，票款将原路退回。', change: '改签办理中。', closed: '订单已关闭。' } as Record<string, string>,
    closed_because: { cancelled: '您已取消订单。', expired: '超时未支付，座位已释放。', refunded: '票款已原路退回。', ticketing_failed: '未能出票，票款已原路退回。', run_cancelled: '列车停运。已付的票款全额退回。' },
    change: { cancelled: '本次列车停运，票款将全额退回，您无需办理手续。', cancelled_unpaid: '本次列车停运，订单将自动关闭，请勿支付；如已支付，票款全额退回。', cancelled_short: '列车停运', times: '铁路调整了本次列车的时刻，请按新时刻乘车；如不便乘坐，可在开车前退票。', seat_gone: '列车编组调整，您的席位已不在列车上。工作人员将另行安排席位，您也可以要求退回票款。', reason: (text: string) => `原因：${text}`, was: (time: string) => `原定 ${time}` },
    refunded: '已退票',
    confirming_payment: '正在等待支付结果。支付完成后，本页会自动更新。',
  },
  pay: { title: '支付订单', left: '剩余支付时间', expired: '支付时间已到', channel: '支付方式', channels: { alipay: '支付宝', wechat: '微信支付' } as Record<string, string>, go: (amount: string) => `支付 ${amount}`, opening: '正在打开收银台…', held: '座位已保留', bad_url: '收银台地址无效，请稍后重试。', announce: (minutes: number) => `剩余 ${minutes} 分钟` },
  ticket: { valid: '有效', used: '已使用', void: '已失效', number: '票号', qr: (id: string) => `车票 ${id} 的二维码`, depart: (time: string) => `${time}开`, train_only: '限乘当日当次车', gate_hint: '进站时出示证件或扫描二维码', issued: '签发', enlarge: '放大二维码' },
  refund: { start: '退票', title: '退票', choose: '选择要退的车票', quote: '试算', paid: '票价', fee: '手续费', returned: '应退', total_returned: '合计应退', confirm: (amount: string) => `确认退票，退回 ${amount}`, expires: (time: string) => `本次试算有效至 ${time}`, stages: { accepted: '已受理', voided: '车票作废', money_sent: '退款已发出', done: '退款到账', manual: '人工处理中' }, progress: '退款进度', changed: '手续费已变化，请核对后再次确认。', all_rules: '退票费规则', with_children: '同行儿童一并退票', by_railway: { run_cancelled: '列车停运，由铁路部门全额退款，您无需办理。', operator: '由铁路部门办理全额退票，您无需办理。' } },
  change: changeZh,
  standby: standby_zh,
  upgrade: upgrade_zh,
  messages: { title: '消息', empty: '没有消息', empty_hint: '出票、退款等进展会通知到这里。', mark_all: '全部标为已读', unread: '未读', open_order: '查看订单' },
  not_found: { title: '此站不停靠', body: '您要找的页面不存在，或已经离站。', home: '回到首页' },
};

export type Dictionary = typeof zh;
