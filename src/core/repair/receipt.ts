/** What a repair session did. */
export interface Receipt {
  /** `postponed`: this daemon is pulling from another peer, or cannot store anything now; `busy`: the peer answers too many already. */
  outcome: 'equal' | 'repaired' | 'postponed' | 'busy' | 'failed'
  reason?: string
  keysChanged: number
  itemsReceived: number
  itemsRemoved: number
  messageBytes: number
  rounds: number
  durationMs: number
  keysByRangeStep: number
}

/** Of a session that has done nothing yet. */
export function emptyReceipt(): Receipt {
  return {
    outcome: 'equal',
    keysChanged: 0,
    itemsReceived: 0,
    itemsRemoved: 0,
    messageBytes: 0,
    rounds: 0,
    durationMs: 0,
    keysByRangeStep: 0,
  }
}
