/** The little of SVG that plots and pictures need. */

export function svg(width: number, height: number, lines: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="white"/>',
    ...lines,
    '</svg>',
    '',
  ].join('\n')
}

/** @param style further attributes */
export function svgText(x: number, y: number, content: string, style = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x}" y="${y}" ${style}>${escaped}</text>`
}
