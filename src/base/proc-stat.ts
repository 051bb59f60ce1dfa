// What /proc/PID/stat says, as proc_pid_stat(5) has it. Pure. Not here: who reads the file, and as whom.

/**
 * When the process started, in clock ticks since boot: it distinguishes processes with the same pid. Undefined for a text
 * that has no such field.
 */
export function startTime(stat: string): string | undefined {
  return fieldsFromThird(stat)[22 - 3];
}

/** Whether it has ended, though whoever started it has not asked for its status yet: zombie (Z) or dead (X). */
export function isDefunct(stat: string): boolean {
  return /^[ZXx]$/.test(fieldsFromThird(stat)[0] ?? '');
}

/** Field 2 is a name in parentheses that may hold anything, so the last one ends it. */
function fieldsFromThird(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
