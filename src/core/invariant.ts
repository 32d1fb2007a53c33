/**
 * Assertions of the rules (design, section 5). They state what the code around them makes true whatever comes in; input is
 * checked and refused, never asserted. One that fails is a defect of the program: going on would risk data.
 */

type Rule = 'R3' | 'R6' | 'R7' | 'R9' | 'R12' | 'R14'

export function invariant(holds: boolean, rule: Rule, what: string): asserts holds {
  if (!holds) throw new Error(`${rule} is broken: ${what}`)
}
