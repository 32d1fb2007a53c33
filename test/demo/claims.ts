/** Claims: sentences that the demo prints, and prints only after code has found them true. */
import * as screen from './screen.ts'

export class ClaimFailed extends Error {
  override readonly name = 'ClaimFailed'
}

let claimsHeld = 0

export function claimCount(): number {
  return claimsHeld
}

/** `wrong` says what contradicts the claim, if anything does. */
export function claim(text: string, wrong: string | undefined): void {
  if (wrong !== undefined) {
    screen.failed(text)
    throw new ClaimFailed(`this does not hold: ${text}\n${wrong}`)
  }
  claimsHeld++
  screen.held(text)
}

/** For a claim about a thing and its expected value. */
export function differs<T>(found: T, expected: T, what = 'value'): string | undefined {
  const [foundText, expectedText] = [JSON.stringify(found), JSON.stringify(expected)]
  return foundText === expectedText
    ? undefined
    : `${what}: expected ${expectedText}, found ${foundText}`
}
