/** Text of help topics, laid out for a terminal of 80 columns. */

const COLUMNS = 80
const INDENT = '  '

/** Each term on a line of its own, what it means indented under it. */
export function definitions(rows: readonly (readonly [term: string, meaning: string])[]): string {
  return rows
    .map(([term, meaning]) => [
      `${INDENT}${term}`,
      ...wrapped(meaning, `${INDENT}${INDENT}${INDENT}`),
    ])
    .map((lines) => lines.join('\n'))
    .join('\n')
}

function wrapped(text: string, indent: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? `${indent}${word}` : `${line} ${word}`
    if (longer.length > COLUMNS && line !== '') {
      lines.push(line)
      line = `${indent}${word}`
    } else line = longer
  }
  return [...lines, line]
}
