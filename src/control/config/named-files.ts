/**
 * The files that a configuration names, such as certificates: each is read once, so that what was checked is what is used.
 *
 * What was read is hashed, so that the watch sees a certificate change behind an unchanged configuration. As text in
 * latin1, which keeps every byte: PEM is ASCII, and what is not PEM is only looked at to say so.
 */

import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { FILE_BYTES } from './defaults.ts'
import { refused } from './wording.ts'

type Content = { readonly text: string } | { readonly reason: string }

export class NamedFiles {
  readonly #folder: string
  readonly #contents = new Map<string, Content>()

  /** Relative names are looked up in the folder, which is that of the configuration. */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** Returns the content; throws `CodedError` (`invalidConfig`) with the reason alone where it cannot be read. */
  read(name: string): string {
    const content = this.#look(name)
    if ('reason' in content) throw refused(content.reason)
    return content.text
  }

  /** The names as the configuration wrote them. */
  get names(): readonly string[] {
    return [...this.#contents.keys()]
  }

  /** Changes with every byte of every file that was read, and with every reason why one was not. */
  get digest(): string {
    const hash = createHash('sha256')
    for (const entry of this.#contents) hash.update(JSON.stringify(entry))
    return hash.digest('hex')
  }

  /** The same files, as they are now. */
  readAnew(): NamedFiles {
    const files = new NamedFiles(this.#folder)
    for (const name of this.names) files.#look(name)
    return files
  }

  #look(name: string): Content {
    const known = this.#contents.get(name)
    if (known !== undefined) return known
    const content = contentOf(resolve(this.#folder, name))
    this.#contents.set(name, content)
    return content
  }
}

function contentOf(path: string): Content {
  let descriptor: number | undefined
  try {
    // Neither a pipe, which would be waited for, nor a device without end.
    const found = statSync(path)
    if (found.isDirectory()) return { reason: 'is a folder' }
    if (!found.isFile()) return { reason: 'is not a file' }
    descriptor = openSync(path, 'r')
    if (fstatSync(descriptor).size > FILE_BYTES) return { reason: 'is larger than 1 MiB' }
    return { text: readFileSync(descriptor, 'latin1') }
  } catch (error) {
    return { reason: readFault(error) }
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** Why a file could not be read, in words that follow its name. */
export function readFault(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  return READ_FAULTS[code] ?? `cannot be read: ${code}`
}

const READ_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'is a folder',
  EACCES: 'may not be read by this user',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'is not UTF-8',
}
