/**
 * What the demo shows: sections, lines, and on a terminal one live line that is drawn anew while something is waited for.
 * Without a terminal there are plain lines only.
 */
import { styleFor } from '../../src/cli/output.ts'

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const FRAME_MS = 80
const CLEAR_LINE = '\r\u001B[2K'
/** Of a terminal that does not tell its width, and of what commands print. */
const COLUMNS = 100
const WRAPPED_LINE = new RegExp(`\\S.{0,${COLUMNS - 1}}(?=\\s|$)`, 'g')

const out = process.stdout
const style = styleFor(out)
let frames: NodeJS.Timeout | undefined

function line(text = ''): void {
  out.write(`${text}\n`)
}

export function title(text: string): void {
  line(style('bold', text))
}

export function section(text: string): void {
  line()
  line(style(['bold', 'cyan'], text))
}

/** Something that is done, or a remark. */
export function note(text: string): void {
  line(`  ${text}`)
}

export function held(text: string): void {
  line(`  ${style('green', '✓')} ${text}`)
}

export function failed(text: string): void {
  line(`  ${style(['bold', 'red'], '✗')} ${text}`)
}

/** A command as a user would type it, and what it printed. */
export function command(prompt: string, typed: string, printed: string): void {
  line(`    ${style('dim', prompt)} ${style('bold', typed)}`)
  if (printed === '') return
  for (const text of printed.trimEnd().split('\n').flatMap(wrapped)) {
    line(style('dim', `    ${text}`.trimEnd()))
  }
}

/** Breaks a long line between words. */
function wrapped(text: string): string[] {
  return text.length <= COLUMNS ? [text] : (text.match(WRAPPED_LINE) ?? [text])
}

export function last(good: boolean, text: string): void {
  line()
  line(style(['bold', good ? 'green' : 'red'], text))
}

/** Shows what is waited for until `work` is done; `detail` is asked anew for each frame. */
export async function during<T>(
  what: string,
  work: Promise<T>,
  detail: () => string = () => '',
): Promise<T> {
  let frame = 0
  const draw = (): void => {
    const spinner = style('cyan', SPINNER[frame++ % SPINNER.length]!)
    const more = detail()
    const text = more === '' ? what : `${what}  ${more}`
    out.write(`${CLEAR_LINE}  ${spinner} ${text.slice(0, (out.columns || COLUMNS) - 5)}`)
  }
  if (out.isTTY) frames = setInterval(draw, FRAME_MS)
  try {
    return await work
  } finally {
    endLiveLine()
  }
}

/** Also for whoever ends the demo while something is waited for. */
export function endLiveLine(): void {
  if (frames === undefined) return
  clearInterval(frames)
  frames = undefined
  out.write(CLEAR_LINE)
}
