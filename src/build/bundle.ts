/**
 * `npm run build`, behind the compiler: puts each program with all that it needs into a few files, `dist/program`.
 *
 * A daemon loads some 900 modules, and two thirds of the processor time of its start went into finding, reading and linking
 * them: 1.7 CPU seconds from separate files, 0.8 bundled (Node 20; 22 and 24 alike). V8's compile cache takes a twentieth
 * from that, needs a directory that it can trust, and is not there in Node 20; minifying takes as little, and traces of the
 * stack could not be read without the maps. So neither is done: the bundled code is the compiler's, and with
 * `node --enable-source-maps bin/hearsayd` traces name the sources.
 *
 * What is imported dynamically stays apart and is loaded when it is asked for. Machine code cannot be bundled: classic-level
 * and crc32 come from `node_modules`. So do the packages of whoever uses hearsay as a library, which `dist/src` is for.
 */
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { build } from 'esbuild'

/** This file runs from dist/src/build. */
const DIST = path.resolve(import.meta.dirname, '../..')
const OUT = path.join(DIST, 'program')
/** `store/trial.ts` starts the last one, which must be beside it in both forms. */
const PROGRAMS = ['cli/hearsayd', 'cli/hearsay', 'store/level-trial']

/** Packages in CommonJS ask for Node's modules by `require`, which a module has not. */
const REQUIRE =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"

// Names of files go by their contents: those of the build before would stay.
await rm(OUT, { recursive: true, force: true })
await build({
  entryPoints: PROGRAMS.map((name) => ({
    in: path.join(DIST, 'src', `${name}.js`),
    out: path.basename(name),
  })),
  outdir: OUT,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // Many packages are there twice, and only modules can be cut to what is used.
  mainFields: ['module', 'main'],
  external: ['classic-level', '@node-rs/crc32'],
  banner: { js: REQUIRE },
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
})
