// The sealing key from where a service keeps its secrets.

/**
 * The key in an environment variable, for `sealingKey`. One that is missing is refused at opening.
 * What prints the configuration does not print the key.
 */
export function environmentKey(id, variable = 'CASEHUG_CLIO_SEALING_KEY') {
  return Object.defineProperty({ id }, 'key', { value: process.env[variable] ?? '' });
}
