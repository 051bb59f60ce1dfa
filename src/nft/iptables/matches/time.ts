// The match on the clock, time: its dates, times of day and days of the week, in UTC. Not here: what counts packets
// (rate.ts).

import { match, meta, type Statement } from '../../expression.js';
import { type Extension, NO_SUCH, type Options, statements } from '../syntax/extension.js';
import { refuse, type Token } from '../syntax/tokens.js';
import { never } from '../values/addresses.js';
import { readNumber, split, valueOrRange } from '../values/numbers.js';

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const DAY = 86_400;
/** The last second that xt_time knows: `time_t` of 32 bits. */
const LAST_SECOND = 2 ** 31 - 1;

/** Days of a month are intervals of time, from here on where `--datestart` does not say. */
const FIRST_YEAR = 2025;
/** A rule may have so many. */
const INTERVALS_MAX = 512;

const time: Extension = {
  name: 'time',
  options: [
    { names: ['datestart'], values: ['YYYY[-MM[-DD[Thh[:mm[:ss]]]]]'] },
    { names: ['datestop'], values: ['YYYY[-MM[-DD[Thh[:mm[:ss]]]]]'] },
    { names: ['timestart'], values: ['hh:mm[:ss]'] },
    { names: ['timestop'], values: ['hh:mm[:ss]'] },
    { names: ['weekdays'], values: ['day[,day]…'], negatable: true },
    { names: ['monthdays'], values: ['day[,day]…'], negatable: true },
    { names: ['contiguous'] },
    { names: ['kerneltz', 'localtz'], refused: NO_SUCH },
  ],
  notes: [
    'Times are UTC.',
    '`--contiguous` beside `--weekdays` or `--monthdays` is refused: nftables has nothing for it.',
    `\`--monthdays\` becomes an interval for each day, or days in a row, of each month, from ${FIRST_YEAR} or \`--datestart\` until 2038, where xt_time ends, or \`--datestop\`: ${INTERVALS_MAX} at most.`,
  ],
  translate(options) {
    const contiguous = options.get('contiguous');
    for (const other of ['weekdays', 'monthdays']) {
      if (contiguous && options.has(other)) refuse(contiguous.token, `cannot be expressed beside --${other}`);
    }
    return statements(
      ...matchDates(options.value('datestart'), options.value('datestop')),
      ...matchDayTime(options.value('timestart'), options.value('timestop')),
      ...matchWeekdays(options),
      ...matchMonthdays(options),
    );
  },
};

function matchDates(start: Token | undefined, stop: Token | undefined): Statement[] {
  if (!start && !stop) return [];
  const from = start ? readDate(start) : 0;
  const to = stop ? readDate(stop) : LAST_SECOND;
  if (from > to) return [never()];
  return [match(meta('time'), '==', valueOrRange([from, to]))];
}

/** Both ends are inclusive; a stop before the start spans midnight. */
function matchDayTime(start: Token | undefined, stop: Token | undefined): Statement[] {
  if (!start && !stop) return [];
  const from = start ? readDayTime(start) : 0;
  const to = stop ? readDayTime(stop) : DAY - 1;
  if (from <= to) {
    return from === 0 && to === DAY - 1 ? [] : [match(meta('hour'), '==', valueOrRange([from, to]))];
  }
  return to + 1 === from ? [] : [match(meta('hour'), '!=', valueOrRange([to + 1, from - 1]))];
}

function matchWeekdays(options: Options): Statement[] {
  const given = options.get('weekdays');
  if (!given) return [];
  const named = readWeekdays(given.values[0]!);
  const days = [0, 1, 2, 3, 4, 5, 6].filter(day => named.has(day) !== given.negated);
  if (days.length === 7) return [];
  if (days.length === 0) return [never()];
  return [match(meta('day'), '==', days.length === 1 ? days[0]! : { set: days })];
}

function matchMonthdays(options: Options): Statement[] {
  const given = options.get('monthdays');
  if (!given) return [];
  const token = given.values[0]!;
  const named = new Set(split(token, ',').map(each => readNumber(each, 1, 31)));
  const isFor = (day: number): boolean => named.has(day) !== given.negated;
  if (Array.from({ length: 31 }, (_, n) => n + 1).every(isFor)) return [];
  const [start, stop] = [options.value('datestart'), options.value('datestop')];
  const from = start ? readDate(start) : Date.UTC(FIRST_YEAR) / 1000;
  const to = stop ? readDate(stop) : LAST_SECOND;
  const intervals: [first: number, last: number][] = [];
  for (let at = Math.floor(from / DAY) * DAY; at <= to; at += DAY) {
    if (!isFor(new Date(at * 1000).getUTCDate())) continue;
    const last = intervals.at(-1);
    if (last && last[1] + 1 === at) last[1] = at + DAY - 1;
    else intervals.push([at, at + DAY - 1]);
    if (intervals.length > INTERVALS_MAX)
      refuse(
        token,
        `would be more than ${INTERVALS_MAX} intervals of days: give fewer, or --datestart and --datestop`,
      );
  }
  if (intervals.length === 0) return [never()];
  return [match(meta('time'), '==', { set: intervals.map(valueOrRange) })];
}

/** `YYYY[-MM[-DD[Thh[:mm[:ss]]]]]`: seconds since 1970. @throws RuleError */
function readDate(token: Token): number {
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
function readDayTime(token: Token): number {
  const parts = /^(\d\d?):(\d\d?)(?::(\d\d?))?$/.exec(token.text);
  const [hour = Number.NaN, minute = 0, second = 0] = (parts ?? [])
    .slice(1)
    .map(text => (text === undefined ? undefined : Number(text)));
  if (!(hour <= 23 && minute <= 59 && second <= 59))
    refuse(token, 'is no time of day such as 08:30 or 23:59:59');
  return hour * 3600 + minute * 60 + second;
}

/** Names such as `Mon`, or 1 for Monday to 7 for Sunday; as nftables has them, Sunday is 0. @throws RuleError */
function readWeekdays(token: Token): Set<number> {
  return new Set(
    split(token, ',').map(each => {
      if (/^[1-7]$/.test(each.text)) return Number(each.text) % 7;
      const day = WEEKDAYS.findIndex(name => name === each.text || name.slice(0, 2) === each.text);
      if (day < 0) refuse(each, `is no day of the week: give some of ${WEEKDAYS.join(', ')}, or 1 to 7`);
      return day;
    }),
  );
}

export const TIME_MATCHES: readonly Extension[] = [time];
