// Checks of what JSON holds: every field that is used has the right type, or the whole is refused. Fields that are not named
// may be there. Pure. Not here: what Docker answers (labels/discovery/docker-answers.ts), what the daemon does
// (control/answer-shapes.ts).

import { DecodeError } from '../base/errors.js';

/**
 * Checks a value.
 * @param field what it is called, @param whose of whom it is: `Docker's`
 * @throws DecodeError that names the field
 */
export type ShapeCheck = (value: unknown, field: string, whose: string) => void;

export const text = ofType('string');
export const number = ofType('number');
export const flag = ofType('boolean');

function ofType(type: 'string' | 'number' | 'boolean'): ShapeCheck {
  return (value, field, whose) => {
    if (typeof value !== type) throw new DecodeError(`${whose} ${field} is not a ${type}`);
  };
}

/** Absent is right, too, and so is null. */
export function optional(check: ShapeCheck): ShapeCheck {
  return (value, field, whose) => {
    if (value !== undefined && value !== null) check(value, field, whose);
  };
}

export function oneOf(...words: readonly string[]): ShapeCheck {
  return (value, field, whose) => {
    if (!words.includes(value as string))
      throw new DecodeError(`${whose} ${field} is none of ${words.join(', ')}`);
  };
}

export function listOf(check: ShapeCheck): ShapeCheck {
  return (value, field, whose) => {
    if (!Array.isArray(value)) throw new DecodeError(`${whose} ${field} is not a list`);
    for (const one of value) check(one, `entry of ${field}`, whose);
  };
}

export function mapOf(check: ShapeCheck): ShapeCheck {
  return (value, field, whose) => {
    for (const one of Object.values(objectOf(value, field, whose))) check(one, `entry of ${field}`, whose);
  };
}

export function object(fields: Readonly<Record<string, ShapeCheck>>): ShapeCheck {
  return (value, field, whose) => {
    const given = objectOf(value, field, whose);
    for (const [name, check] of Object.entries(fields)) check(given[name], name, whose);
  };
}

function objectOf(value: unknown, field: string, whose: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new DecodeError(`${whose} ${field} is not an object`);
  return value as Readonly<Record<string, unknown>>;
}
