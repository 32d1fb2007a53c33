/** `hearsay help metrics`: made from the list that the daemon serves. */
import { COUNTERS, GAUGES, PEER_GAUGES } from '../../daemon/metric-list.ts'
import { definitions } from './layout.ts'

export function metrics(): string {
  const counters = COUNTERS.map(
    ({ name, help, from }) =>
      [
        typeof from === 'string'
          ? name
          : `${name}{${from.label}="${Object.keys(from.values).join('|')}"}`,
        help,
      ] as const,
  )
  return `
METRICS

"hearsay metrics" prints them, GET /v1/metrics on the control socket serves them
("hearsay help monitoring" says how to scrape a socket). Counters count since
the start of the daemon. hearsay_build_info{version} is always 1; process_* and
nodejs_* are those of every Node program. config/alerts.yaml has alerts.

GAUGES

${definitions(GAUGES.map(({ name, help }) => [name, help]))}

GAUGES OF EACH LINKED PEER

${definitions(PEER_GAUGES.map(({ name, help }) => [`${name}{peer="12D3KooW..."}`, help]))}

COUNTERS

${definitions(counters)}

SEE ALSO
  hearsay help monitoring
`
}
