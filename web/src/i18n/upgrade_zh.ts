/** Words of asking for a better train with a ticket that is held (候补改签), in Chinese. `upgrade_en.ts` has the same shape. */
export const upgrade_zh = {
  title: '候补改签', wait: '候补改签', wait_few: (count: number) => `余${count}不够 · 候补改签`, wait_train: (train: string) => `持现有车票候补改签到 ${train}`, ride_hint: '已售完的席别可以“候补改签”：现有车票照常有效，等到座位后再改。',
  lead: '现有车票一直有效，等到座位后才改到新的车次。现在不收钱；没等到，就照原行程乘车。',
  tickets: '要改签的车票', tickets_hint: '乘车人随车票，不能另选', group: '这些车票要么一起改，要么都不改：座位够所有人时才会匹配。', classes_any: '所选席别中，哪个先有座位就改到哪个。', difference_now: (seat_class: string) => `${seat_class}，按现在的票价：`, on_sale: (seat_class: string) => `${seat_class}现在有票，不必候补，可以直接改签。`, change_now: '直接改签',
  deadline_first: '按最晚的一趟与原车次中先开的一趟计算',
  limit: '最多愿意补多少（元，含手续费）', limit_hint: '不填表示不限。超过上限的座位不会为您锁定；需要补的差额，付款之前不收取。', limit_short: '最多补', limit_any: '不限',
  problems: { no_wish: '请至少选择一趟车', no_class: '请为每趟车选择席别', too_many: (max: number) => `车次与席别的组合最多 ${max} 个，请去掉几个`, bad_limit: '请填写金额，如 120 或 120.50；不限请留空' },
  submit: '提交候补改签', agree: '等到座位后，需补差额的请在时限内付款，逾期座位让给下一位，原车票照常有效；无需补款的直接改签，差额原路退回。每张车票只能改签一次。随时可以取消。',
  no_tickets: '这个订单里没有这些车票，请回到订单重新选择。', to_order: '查看原订单', already: '这些车票里有的已经在候补改签，一张车票同时只能等一份。请先取消那一份，再重新提交。', see_open: '查看那份候补',
  above: (train: string, seat_class: string, amount: string) => `${train} ${seat_class}现在至少要补 ${amount}。`, raise: (amount: string) => `上限改为 ${amount}`, remove: (train: string, seat_class: string) => `请去掉 ${train} ${seat_class}，或换一趟。`, remove_any: '请去掉这趟车，或换一趟。', tickets_again: '重新选择车票',
  open_title: '正在候补改签', open_until: (time: string) => `等到 ${time}`, open_see: '查看进度', choose_again: '另选车次改签',
};
