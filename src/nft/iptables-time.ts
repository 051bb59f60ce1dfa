// Dates, times of day and days of the week as xt_time's options have them, in UTC. Not here: what is compared with
// them (iptables-match-pace.ts).

import { refuse, type Token } from './iptables-tokens.js';
import { split } from './iptables-values.js';

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
/** `time_t` of 32 bits. */
const LAST_SECOND = 2 ** 31 - 1;

/** `YYYY[-MM[-DD[Thh[:mm[:ss]]]]]`: seconds since 1970. @throws RuleError */
export function readDate(token: Token): number {
  const parts = /^(\d{4})(?:-(\d\d?)(?:-(\d\d?)(?:T(\d\d?)(?::(\d\d?)(?::(\d\d?))?)?)?)?)?$/.exec(token.text);
  const [year = Number.NaN, month = 1, day = 1, hour = 0, minute = 0, second = 0] = (parts ?? [])
    .slice(1)
    .map(text => (text === undefined ? undefined : Number(text)));
  const seconds = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
  const right =
    year >= 1970 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= 31 &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59 &&
    seconds <= LAST_SECOND;
  if (!right) refuse(token, 'is no date such as 2030-01-31T08:00:00, from 1970 to January of 2038');
  return seconds;
}

/** `hh:mm[:ss]`: seconds since midnight. @throws RuleError */
export function readDayTime(token: Token): number {
  const parts = /^(\d\d?):(\d\d?)(?::(\d\d?))?$/.exec(token.text);
  const [hour = Number.NaN, minute = 0, second = 0] = (parts ?? [])
    .slice(1)
    .map(text => (text === undefined ? undefined : Number(text)));
  if (!(hour <= 23 && minute <= 59 && second <= 59))
    refuse(token, 'is no time of day such as 08:30 or 23:59:59');
  return hour * 3600 + minute * 60 + second;
}

/** Names such as `Mon`, or 1 for Monday to 7 for Sunday; as nftables has them, Sunday is 0. @throws RuleError */
export function readWeekdays(token: Token): Set<number> {
  return new Set(
    split(token, ',').map(each => {
      if (/^[1-7]$/.test(each.text)) return Number(each.text) % 7;
      const day = WEEKDAYS.indexOf(each.text);
      if (day < 0) refuse(each, `is no day of the week: give some of ${WEEKDAYS.join(', ')}, or 1 to 7`);
      return day;
    }),
  );
}
