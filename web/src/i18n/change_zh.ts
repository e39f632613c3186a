/** Words of the pages for a change of train, in Chinese. `change_en.ts` has the same shape. */
export const changeZh = {
  start: '改签', title: '改签', back_to_order: '返回订单', steps_label: '改签步骤', step_of: (step: number, all: number) => `第 ${step} 步，共 ${all} 步`,
  steps: { tickets: '选择车票', ride: '选择车次', quote: '核对确认', pay: '结清差额', done: '完成' },
  old_ride: '原行程', new_ride: '新行程',
  tickets: {
    title: '哪些车票要改签？', next: '下一步：选择车次', none_chosen: '请至少选择一张车票。', nothing: '这个订单没有可以改签的车票。', once: '每张车票只能改签一次。新席位锁定、差额结清之后，原车票才作废。', with_others: '一并选上', other_left: '儿童须与成人同行：请把同行儿童的车票一并改签。', adult_needed: '儿童须与成人同行：请选上至少一位同行成人。',
    obstacles: {
      changed: '已改签过，不能再次改签', changing: '正在办理改签', refunding: '正在办理退票', closed: '车票已退或订单已关闭', not_issued: '尚未出票', cancelled: '列车停运，票款将全额退回', used: '已检票使用', departed: '列车已开；当日可到车站窗口办理', gate_closed: '已停止检票；请到车站窗口办理',
    },
  },
  ride: {
    title: '换乘哪一趟？', from: '出发地', to: '到达地', from_hint: '出发地须与原车票同城。', destination_hint: '改到其他城市即变更到站，须在开车前 48 小时以上办理。', fares_note: (count: number) => (count > 1 ? `为 ${count} 位旅客选择。价格为单张票价，差额与手续费在下一步核对。` : '价格为票价，差额与手续费在下一步核对。'), own: '原席位', choose: (train: string) => `改签到 ${train}`,
  },
  quote: {
    title: '核对费用', passenger: '乘车人', old_fare: '原票价', new_fare: '新票价', fee: '手续费', difference: '差额', total: '合计', pay: '需补差额', back: '退回差额', paid: '已补差额', even: '无需补退', free: '免费', rule: '适用规则', fee_in: '新票较便宜时，差额部分按退票费标准核收手续费后退回。', dearest: '卧铺按最高铺位价预计，锁定铺位后按实际铺位结算，只少不多。',
    good_until: (time: string, left: string) => `以上费用有效至 ${time}，还剩 ${left}`, expired: '费用已过有效期，请重新核对。', again: '重新核对', seat_after: '席位在确认后锁定；锁定前原车票一直有效。',
    confirm_pay: (amount: string) => `确认改签，补 ${amount}`, confirm_back: (amount: string) => `确认改签，退回 ${amount}`, confirm_even: '确认改签', stale: '费用有变化，尚未改签。请核对新的费用，再次确认。', stale_same: '订单有变化，金额不变，尚未改签。请再次确认。', stale_was: (was: string, now: string) => `原先：${was}；现在：${now}。`,
  },
  sending: { title: '正在提交改签', calm: '请稍候，正在锁定新席位。刷新页面也不会重复改签。', unknown: '还不知道是否成功。再次查询用的是同一个请求，不会重复改签。', ask: '查询结果' },
  pay: { title: '支付差额', locked: '新席位已锁定，正在准备收银台。', confirming: '正在等待支付结果。支付完成后，本页会自动更新。', go: (amount: string) => `支付差额 ${amount}`, preparing: '收银台正在准备，请稍候。', give_up: '放弃改签', give_up_body: '放弃后新席位立即释放，原车票继续有效。确定吗？', giving_up: '正在放弃…', keep: '继续改签', old_valid: '支付完成前，原车票一直有效。' },
  pivoted: { title: '新车票已生效', body: '正在签发新车票并收回原席位。原车票不能再用，请稍候。' },
  done: { title: '改签完成', body: '请凭新车票乘车，原车票已作废。', back: (amount: string) => `${amount} 正原路退回。`, new_tickets: '新车票', old_tickets: '原车票（已作废）' },
  given_up: {
    title: '没有改签', still: '原车票仍然有效，可照常乘车。', money: '若已支付差额，款项原路退回。', undoing: '原车票仍在恢复中，请稍候片刻再改签或退票。', again: '重新改签',
    because: { cancelled: '您放弃了改签，新席位已释放。', expired: '差额未在时限内支付，新席位已释放。', places: '所选席位没能锁定。请换一趟车或换个席别再试。', quote: '票价在确认时有变化，没有按旧价改签。请重新核对费用。', ticketing: '铁路未能登记新车票。请稍后再试，或换一趟车。', used: '原车票在办理时已检票，不能改签。', departed: '新选的列车已开。请另选车次。', run_cancelled: '新选的列车停运。请另选车次。', overlap: '乘车人在那个时间已有其他行程。请另选车次。', unknown: '改签没能办成。请稍后再试，或换一趟车。' },
  },
  advice: {
    tickets: '重新选择车票', ride: '另选车次', order: '返回订单', quote: '重新核对费用',
    rules: { once: '这张车票已改签过一次，不能再次改签；可以退票后另购。', state: '车票正在办理改签或退票，请到订单页查看进展。', used: '车票已检票使用，不能改签。', child_with_adult: '儿童须与成人同行，请把同行的车票一并改签。', from_station: '出发站须与原车票同城。', destination_48h: '变更到站须在开车前 48 小时以上办理；请选择原到站所在城市，或退票后另购。', later_day: '按规定现在不能改签到这一天，请选择票面日期当日或更早的列车。', pivoted: '新车票已经生效，不能再放弃。' },
    at_counter: '网上已不能办理。当日可到车站窗口办理改签。',
  },
  list: { title: '改签记录', to: (train: string, date: string, time: string) => `改签至 ${train} · ${date} ${time}`, see: '查看', pay: '去支付差额', left: (time: string) => `剩余 ${time}`, stages: { locked: '席位已锁定', await_pay: '待支付差额', pivoted: '换票中', done: '已改签', cancelled: '未改签' }, tag: '已改签' },
};
