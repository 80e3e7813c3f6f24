/**
 * What may stand in `flags`: where flags come from, and what they may read of a request.
 *
 * Inline definitions are tried here, by the evaluator itself, so that a fault in them has a line; those of files and
 * addresses change by themselves and keep their last good ones instead.
 */

import { z } from 'zod'
import { isAttribute } from '../../proxy/flags/attributes.ts'
import { FlagdFlags } from '../../proxy/flags/flagd.ts'
import { FLAG_ENTRIES, FLAG_SETTINGS } from './defaults-flags.ts'
import { choice, countSetting, durationSetting, text } from './leaf.ts'
import { NAME_PATTERN, NAME_RULE, isName, readFileName } from './names.ts'
import { customIssue, section } from './section.ts'
import { quote, refused } from './wording.ts'

/** The provider of the flags that Sluice keeps itself. */
export const OWN_PROVIDER = 'sluice'

const ATTRIBUTE_FORMS =
  'method, path, host, address, route, header.NAME, cookie.NAME, query.NAME or claim.NAME'

function readAttribute(name: string): string {
  if (isAttribute(name)) return name
  throw refused(`${quote(name)} is nothing that a request has; write ${ATTRIBUTE_FORMS}`)
}

function readFlagUrl(address: string): string {
  const url = URL.parse(address)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw refused(`${quote(address)} is not an address such as https://flags.example.com/team.json`)
  }
  if (url.username !== '' || url.password !== '') {
    throw refused('must have no user and password in it')
  }
  return url.href
}

function readVariant(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) return name
  throw refused(`${quote(name)} is not the name of a variant, such as stable or canary`)
}

const Inline = z
  .record(z.string(), z.unknown())
  .check(({ value, issues }) => {
    try {
      // oxlint-disable-next-line no-new -- only whether it can be made is asked
      new FlagdFlags(JSON.stringify(value))
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      issues.push(customIssue(undefined, [], `is no definition of flags: ${why}`))
    }
  })
  .meta({ description: 'Definitions as flagd takes them, with "flags" in them.', type: 'object' })

const Flagd = section({
  file: text(
    readFileName,
    'A file of definitions, relative to the folder of this file.',
  ).optional(),
  url: text(readFlagUrl, 'Where definitions are asked for over HTTP.').optional(),
  inline: Inline.optional(),
  interval: durationSetting(FLAG_SETTINGS.interval, 'With "url": between two questions.'),
})
  .check(({ value, issues }) => {
    if (issues.length > 0) return
    const { file, url, inline } = value
    const sources = [file, url, inline].filter((each) => each !== undefined)
    if (sources.length === 1) return
    issues.push(customIssue(undefined, [], 'needs one of "file", "url" or "inline"'))
  })
  .meta({ description: "flagd's definitions, evaluated in the proxy.", minProperties: 1 })

const OpenFeature = section({
  module: text(
    readFileName,
    'A JavaScript module, relative to the folder of this file; its default export is an OpenFeature provider, or a function of the options that makes one. Each proxy thread loads it.',
  ),
  options: z
    .record(z.string(), z.unknown())
    .prefault({})
    .meta({ description: 'What the module is given. Default {}.', type: 'object' }),
  deadline: durationSetting(
    FLAG_SETTINGS.deadline,
    'How long a request may wait for the provider; then it goes to stable.',
  ),
  memo: durationSetting(FLAG_SETTINGS.memo, 'How long an answer for a unit is kept.'),
  memoLimit: countSetting(FLAG_SETTINGS.memoLimit, 'Answers that a thread keeps.'),
}).describe('Any provider of OpenFeature for servers.')

const Provider = section({
  flagd: Flagd.optional(),
  openfeature: OpenFeature.optional(),
  variants: z.record(z.string(), text(readVariant, 'The variant of the route.')).prefault({}).meta({
    description:
      'Which variant a flag means, by its own variants or values, such as {on: canary, off: stable}. Default: a text is the name of the variant, true the canary, false stable.',
    maxProperties: FLAG_ENTRIES.variants,
  }),
})
  .check(({ value, issues }) => {
    if (issues.length > 0) return
    if (Object.keys(value.variants).length > FLAG_ENTRIES.variants) {
      const most = `at most ${FLAG_ENTRIES.variants} are possible`
      issues.push(customIssue(undefined, ['variants'], most))
    }
    if ((value.flagd === undefined) !== (value.openfeature === undefined)) return
    issues.push(customIssue(undefined, [], 'needs "flagd" or "openfeature", and not both'))
  })
  .meta({ description: 'Where flags come from.' })

const ATTRIBUTE_NAME = /^[A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*)*$/

export const Flags = section({
  approval: choice(
    ['none', 'required'],
    'Whether a change of a flag that Sluice keeps waits until a second person approves it; switching one off never does. Default none.',
  ).prefault('none'),
  attributes: z
    .record(z.string(), text(readAttribute, `What it is of a request: ${ATTRIBUTE_FORMS}.`))
    .prefault({})
    .meta({
      description:
        'Names that definitions read, such as {email: header.x-email}. header.NAME and its like can be read without.',
      maxProperties: FLAG_ENTRIES.attributes,
    }),
  providers: z
    .record(z.string(), Provider)
    .prefault({})
    .meta({
      description: 'Providers by the name that rules ask for them.',
      propertyNames: { pattern: NAME_PATTERN },
      maxProperties: FLAG_ENTRIES.providers,
    }),
})
  .check(({ value, issues }) => {
    if (issues.length > 0) return
    const names = Object.keys(value.providers)
    const complain = (path: string[], message: string) =>
      issues.push(customIssue(undefined, path, message))
    if (names.length > FLAG_ENTRIES.providers) {
      complain(['providers'], `at most ${FLAG_ENTRIES.providers} are possible`)
    }
    for (const name of names) {
      if (name === OWN_PROVIDER) {
        complain(['providers', name], 'is the provider of the flags that Sluice keeps itself')
      } else if (!isName(name)) {
        complain(['providers', name], `${quote(name)} is not a name; ${NAME_RULE}`)
      }
    }
    const attributes = Object.keys(value.attributes)
    if (attributes.length > FLAG_ENTRIES.attributes) {
      complain(['attributes'], `at most ${FLAG_ENTRIES.attributes} are possible`)
    }
    for (const name of attributes.filter((each) => !ATTRIBUTE_NAME.test(each))) {
      complain(
        ['attributes', name],
        `${quote(name)} cannot be read; write a word, or words with dots`,
      )
    }
  })
  .meta({ description: 'Feature flags, for rules that ask them.' })
