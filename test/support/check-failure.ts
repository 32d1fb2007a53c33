/** A property that does not hold. `check` names which, so that two failures can be told apart or for the same. */
export class CheckFailure extends Error {
  readonly check: string

  constructor(check: string, message: string) {
    super(`${check}: ${message}`)
    this.name = 'CheckFailure'
    this.check = check
  }
}

export function check(condition: boolean, name: string, message: () => string): asserts condition {
  if (!condition) throw new CheckFailure(name, message())
}
