/** The frame in which workloads run: what takes turns with what, and what becomes of the figures. */
import { canPin, pinnedToOneCore } from './machine.ts'
import { quantile } from './meter.ts'
import type { Window } from './meter.ts'
import type { System } from './systems/system.ts'

export interface Measurement {
  workload: string
  setting: string
  figure: string
  unit: string
  system: string
  repetition: number
  value: number
  /** What hearsay shall reach. */
  goal?: string
}

export interface Summary {
  workload: string
  setting: string
  figure: string
  unit: string
  system: string
  median: number
  min: number
  max: number
  repetitions: number
  goal?: string
}

export interface Failure {
  workload: string
  setting: string
  system: string
  repetition: number
  reason: string
}

/** Takes the figures of one run. */
export interface Notes {
  (figure: string, unit: string, value: number, goal?: string): void
}

export interface Turn<S extends System> {
  system: S
  repetition: number
  note: Notes
  /** The usual costs of a window. */
  costs: (window: Window, cpuGoal?: string) => void
}

export interface Workload {
  id: string
  title: string
  run(bench: Bench): Promise<void>
}

export interface Options {
  quick: boolean
  repetitions: number
  rivals: readonly System[]
  pin: boolean
  /** Called with each measurement as it is made. */
  measured(measurement: Measurement): void
  /** Called as things happen, for whoever watches. */
  progress(text: string): void
}

export class Bench {
  readonly quick: boolean
  readonly rivals: readonly System[]
  readonly measurements: Measurement[] = []
  readonly failures: Failure[] = []
  readonly #options: Options
  #workload: Workload | undefined

  constructor(options: Options) {
    this.#options = options
    this.quick = options.quick
    this.rivals = options.rivals
  }

  /** The first where a quick run is wanted. */
  size<T>(quick: T, full: T): T {
    return this.quick ? quick : full
  }

  progress(text: string): void {
    this.#options.progress(text)
  }

  async run(workload: Workload): Promise<void> {
    this.#workload = workload
    try {
      await workload.run(this)
    } catch (error) {
      this.#failed('outside its turns', 'hearsay', 0, error)
    }
  }

  /** Every repetition gives each system one turn, so that a machine which slows down slows all of them. */
  async alternate<S extends System>(
    setting: string,
    systems: readonly S[],
    work: (turn: Turn<S>) => Promise<void>,
  ): Promise<void> {
    for (let repetition = 1; repetition <= this.#options.repetitions; repetition++) {
      for (const system of systems) await this.#turn(setting, system, repetition, work)
    }
  }

  /** Like `alternate`, once on all cores and once with everything on one core. */
  async alternatePlaced<S extends System>(
    setting: string,
    systems: readonly S[],
    work: (turn: Turn<S>) => Promise<void>,
  ): Promise<void> {
    const pin = this.#options.pin && canPin()
    for (let repetition = 1; repetition <= this.#options.repetitions; repetition++) {
      for (const system of systems) {
        await this.#turn(setting, system, repetition, work)
        if (!pin) continue
        await pinnedToOneCore(() =>
          this.#turn(`${setting}, all on one core`, system, repetition, work),
        )
      }
    }
  }

  async #turn<S extends System>(
    setting: string,
    system: S,
    repetition: number,
    work: (turn: Turn<S>) => Promise<void>,
  ): Promise<void> {
    const workload = this.#workload!.id
    const of = `${repetition}/${this.#options.repetitions}`
    this.#options.progress(`${workload}  ${setting}  ${system.name}  ${of}`)
    const note: Notes = (figure, unit, value, goal) => {
      const measurement: Measurement = {
        workload,
        setting,
        figure,
        unit,
        system: system.name,
        repetition,
        value,
        ...(goal === undefined ? {} : { goal }),
      }
      this.measurements.push(measurement)
      this.#options.measured(measurement)
    }
    const costs = (window: Window, cpuGoal?: string): void => {
      note('CPU of all processes', 's', window.cpuSeconds, cpuGoal)
      note('CPU of the driver', 's', window.driverCpuSeconds)
      note('peak memory of one process', 'MiB', window.peakMiB)
    }
    try {
      await work({ system, repetition, note, costs })
    } catch (error) {
      this.#failed(setting, system.name, repetition, error)
    }
  }

  #failed(setting: string, system: string, repetition: number, error: unknown): void {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.failures.push({ workload: this.#workload!.id, setting, system, repetition, reason })
  }
}

/** `Map.groupBy`, which Node 20 lacks. */
export function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const one of values) {
    const key = keyOf(one)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [one])
    else group.push(one)
  }
  return groups
}

export function summarise(measurements: readonly Measurement[]): Summary[] {
  const groups = groupBy(measurements, (m) => [m.workload, m.setting, m.figure, m.system].join())
  return [...groups.values()].map((group) => {
    const values = group.map((m) => m.value)
    const { workload, setting, figure, unit, system, goal } = group[0]!
    return {
      workload,
      setting,
      figure,
      unit,
      system,
      median: quantile(values, 0.5),
      min: Math.min(...values),
      max: Math.max(...values),
      repetitions: values.length,
      ...(goal === undefined ? {} : { goal }),
    }
  })
}
