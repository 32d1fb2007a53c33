export const monitoring = `
SEEING HOW A DAEMON IS

  hearsay status    one look: the verdict, what is wrong and what to do, facts
  hearsay top       the same live: peers, what is missing and for how long,
                    traffic, repairs
  hearsay doctor    checks one thing after another and says what to do about
                    each; exit code 1 when something needs you
  hearsay converged whether all that was written is everywhere, proved
  hearsay metrics   numbers for Prometheus ("hearsay help metrics")

FOR PROBES

  ready to serve    GET /v1/ready on the socket: 200, or 503 while syncing
  alive             hearsay status > /dev/null
  well              hearsay doctor --json

FOR PROMETHEUS

The daemon opens no port for metrics: they are at GET /v1/metrics on its
socket. Two ways to scrape them:

  - node_exporter's textfile collector, from a timer:
      hearsay metrics > /var/lib/node_exporter/hearsay.prom.tmp &&
        mv /var/lib/node_exporter/hearsay.prom.tmp \\
           /var/lib/node_exporter/hearsay.prom
  - a proxy beside the daemon that reaches nothing else than this path. nginx:
      location = /metrics {
        proxy_pass http://unix:/run/hearsay/hearsay.sock:/v1/metrics;
      }

config/alerts.yaml has alerts to begin with.

UNDER SYSTEMD

config/hearsayd.service: "systemctl start" returns when the daemon answers on
its socket. Its watchdog restarts a daemon whose event loop stands still or
whose store cannot be written. Logs are JSON lines:
  journalctl -u hearsayd -o cat

STALLS

A daemon that does nothing for a second or more (a processor that is too busy,
a machine that was paused, memory that was swapped out) says
EVENT_LOOP_STALLED in its log, whether it was busy or was not given the
processor, and does not blame its peers for it.

SEE ALSO
  hearsay help top, doctor, status, metrics
`
