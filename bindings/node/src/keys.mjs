// The sealing key from where a service keeps its secrets.

/**
 * The key in an environment variable, for `sealingKey`. One that is missing is refused at opening.
 */
export function environmentKey(id, variable = 'CASEHUG_CLIO_SEALING_KEY') {
  return { id, key: process.env[variable] ?? '' };
}
