// What of JSON Schema the OpenAPI file uses, checked strictly: a word of the schema that is unknown here is an error.

export type Schema = Readonly<Record<string, unknown>>;

const KNOWN = [
  '$ref',
  'additionalProperties',
  'description',
  'enum',
  'format',
  'items',
  'minimum',
  'properties',
  'required',
  'type',
];

/** What is wrong with a value, a sentence each. @param all the document's schemas, by name */
export function mismatches(
  value: unknown,
  schema: Schema,
  all: Readonly<Record<string, Schema>>,
  at = '$',
): string[] {
  const unknown = Object.keys(schema).filter(word => !KNOWN.includes(word));
  if (unknown.length > 0)
    return [`${at}: the schema says ${unknown.join(', ')}, which this test does not know`];
  if (typeof schema.$ref === 'string') return mismatches(value, all[schema.$ref.split('/').pop()!]!, all, at);
  if (Array.isArray(schema.enum) && !schema.enum.includes(value))
    return [`${at} is none of ${schema.enum.join(', ')}`];
  if (schema.type === 'array') {
    if (!Array.isArray(value)) return [`${at} is no array`];
    return value.flatMap((one, n) => mismatches(one, schema.items as Schema, all, `${at}[${n}]`));
  }
  if (schema.type === 'object') return objectMismatches(value, schema, all, at);
  if (schema.type === 'integer')
    return Number.isInteger(value) && (value as number) >= ((schema.minimum as number) ?? -Infinity)
      ? []
      : [`${at} is no such number`];
  if (schema.format === 'date-time')
    return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)
      ? []
      : [`${at} is no time`];
  return typeof value === schema.type ? [] : [`${at} is no ${schema.type}`];
}

function objectMismatches(
  value: unknown,
  schema: Schema,
  all: Readonly<Record<string, Schema>>,
  at: string,
): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${at} is no object`];
  const properties = schema.properties as Readonly<Record<string, Schema>>;
  return [
    ...(schema.required as string[]).filter(name => !(name in value)).map(name => `${at}.${name} is missing`),
    ...Object.entries(value).flatMap(([name, one]) =>
      properties[name]
        ? mismatches(one, properties[name], all, `${at}.${name}`)
        : [`${at}.${name} is not described`],
    ),
  ];
}
