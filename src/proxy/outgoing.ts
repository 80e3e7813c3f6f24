/**
 * A request as it goes to an upstream: what is needed of its head, which is gone once the next one is read. Hot.
 *
 * The exchange is one, so that a request makes no object for it.
 */

import { forwardingLines, type Peer } from './forwarding.ts'
import { BY_LENGTH, NO_BODY } from './http1/framing.ts'
import type { RequestHead } from './http1/request-head.ts'
import type { OutgoingRequest } from './upstream/upstream.ts'
import { type Via, viaLine } from './via.ts'

export abstract class Outgoing implements OutgoingRequest {
  method = ''
  target = ''
  bodyKind = NO_BODY
  contentLength = 0
  isUpgrade = false
  takesTrailers = false
  isRequestDone = false
  /** The field lines as they go to whatever upstream. */
  plainLines = ''
  /** The client takes any answer 2xx for a tunnel (RFC 8441 section 5). */
  isConnect = false

  /** The field lines that go to the upstream, with what it is told of the variant. */
  abstract get lines(): string

  protected takeHead(head: RequestHead, peer: Peer, via: Via): void {
    this.target = head.target
    this.bodyKind = head.bodyKind
    this.contentLength = head.contentLength
    this.isUpgrade = head.isUpgrade
    this.takesTrailers = head.takesTrailers
    this.isConnect = head.isUpgrade && head.isHttp2
    this.isRequestDone =
      head.bodyKind === NO_BODY || (head.bodyKind === BY_LENGTH && head.contentLength === 0)
    this.plainLines =
      head.keptLines(peer.isTrusted) + forwardingLines(peer, head) + viaLine(via, head)
  }
}
