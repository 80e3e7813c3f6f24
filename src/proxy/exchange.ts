/**
 * The life of one request: match, assign, send, stream, retry, record. Hot.
 *
 * A downstream connection or stream owns one exchange and uses it for each of its requests, so that a request
 * makes no object and no closure of its own.
 *
 *     IDLE -> CONNECTING -> SENDING -> WAITING -> STREAMING -> IDLE
 *        \______________________^        \---> TUNNEL ----^
 *      over a kept connection; without a body straight to WAITING
 *
 * A tunnel is an answer 101, after which the bodies of both directions go on until each side has ended.
 */

import { Assignment } from './assignment.ts'
import { AGAIN, Attempts, NOTHING, ON_STABLE, type Setback } from './attempt/attempts.ts'
import type { ThreadContext } from './context.ts'
import type { Hedge } from './attempt/hedge.ts'
import { Hedging, type HedgingOwner } from './attempt/hedging.ts'
import { Deadline } from './deadline.ts'
import type { Downstream } from './downstream.ts'
import {
  type Failure,
  LAST_FORWARD,
  NO_ROUTE,
  REQUEST_FAULTS,
  type RequestFault,
  UPSTREAM_FAILURES,
  type UpstreamFailure,
} from './failure.ts'
import { Flow } from './flow.ts'
import { grpcTimeoutMs } from './grpc.ts'
import { NO_BODY } from './http1/framing.ts'
import type { RequestHead } from './http1/request-head.ts'
import type { ResponseHead } from './http1/response-head.ts'
import { matchRoute } from './match.ts'
import { Outcome, type Why } from './outcome.ts'
import { Copying } from './mirror.ts'
import { Outgoing } from './outgoing.ts'
import type { CompiledRoute } from './table.ts'
import { drainDeadlineMs, isLeaving } from './tunnel.ts'
import type { Endpoint } from './upstream/endpoint.ts'
import { ALWAYS, NEVER, type Upstream } from './upstream/upstream.ts'
import { isLoop } from './via.ts'

const IDLE = 0
/** Waits for an upstream connection; nothing was sent. */
const CONNECTING = 1
/** The request is on its way. */
const SENDING = 2
/** The request was sent, no final head has come. */
const WAITING = 3
/** The final head has been passed on. */
const STREAMING = 4
/** Bytes go both ways; the request is counted already. */
const TUNNEL = 5

export class Exchange extends Outgoing implements HedgingOwner {
  readonly #context: ThreadContext
  readonly #downstream: Downstream
  readonly #assignment: Assignment
  readonly #attempts: Attempts
  readonly #hedging: Hedging
  readonly #copying: Copying
  readonly #outcome: Outcome
  readonly #deadline: Deadline
  readonly #flow: Flow
  #phase = IDLE
  #upstream: Upstream | null = null
  /** It has not been sent again yet because a connection that was kept had died. */
  #mayResend = false
  /** Monotonic milliseconds until which this try may go unanswered; the deadline may come earlier. */
  #answerByMs = 0
  #isGrpc = false
  /** Tells a request from the ones before it. */
  #requestCount = 0
  /** The client keeps its body back until the upstream has said 100. */
  #awaitsContinue = false
  /** The upstream's half of a tunnel has ended. */
  #isAnswerDone = false

  constructor(context: ThreadContext, downstream: Downstream) {
    super()
    this.#context = context
    this.#downstream = downstream
    this.#assignment = new Assignment(context)
    this.#attempts = new Attempts(context, this.#assignment)
    this.#hedging = new Hedging(context, this)
    this.#copying = new Copying(context)
    this.#outcome = new Outcome(context)
    this.#deadline = new Deadline(context)
    this.#flow = new Flow(downstream, this.#deadline.pace)
  }

  get isActive(): boolean {
    return this.#phase !== IDLE
  }

  /** Monotonic milliseconds at which the present phase has lasted too long. */
  get deadlineMs(): number {
    return this.#deadline.ms
  }

  get isTunnel(): boolean {
    return this.#phase === TUNNEL
  }

  /** Whether body bytes can be taken now. */
  get takesBody(): boolean {
    return this.#phase >= SENDING && !this.isRequestDone
  }

  get isMovable(): boolean {
    return this.#phase === WAITING && this.#attempts.isMovable
  }

  get lines(): string {
    return this.plainLines + this.#assignment.variant.lines
  }

  /** Starts a request whose head has just been parsed; may end it at once with an answer of our own. */
  begin(head: RequestHead): void {
    const { table } = this.#context
    this.method = head.method
    this.#isGrpc = head.isGrpc
    this.#outcome.begin(head, this.#downstream.peer)
    if (head.via !== '' && isLoop(table.via, head.via)) return this.#refuse('loop', head.via)
    if (head.maxForwards === 0) return this.#answerLocally(LAST_FORWARD, {})
    const route = matchRoute(table, head.host, head.target)
    if (route === null) return this.#answerLocally(NO_ROUTE, { ending: 'noRoute' })
    this.#take(head, route)
    this.#requestCount++
    if (this.#assignment.isPending) return this.#awaitFlags()
    this.#outcome.follow(this.#assignment)
    this.#attempt(true)
  }

  /** A flag's provider has to be waited for; it answers within its deadline. */
  #awaitFlags(): void {
    const request = this.#requestCount
    this.#phase = CONNECTING
    this.#deadline.arm(Infinity)
    this.#assignment.whenKnown(() => {
      if (request !== this.#requestCount || this.#phase !== CONNECTING) return
      try {
        this.#assignment.settle()
        this.#outcome.follow(this.#assignment)
        this.#goOn(true)
      } catch (error) {
        this.#context.report(error)
        this.#failAndDrop('internal')
      }
    })
  }

  /** Takes what is needed of the head, which is gone after this. */
  #take(head: RequestHead, route: CompiledRoute): void {
    const { peer } = this.#downstream
    const { via } = this.#context.table
    this.#assignment.begin(route, head, peer)
    this.takeHead(head, peer, via)
    this.#attempts.begin(head, this.#outcome.startMs)
    this.#copying.begin()
    this.#mayResend = true
    this.#awaitsContinue = head.expectsContinue
    this.#flow.begin()
    const timeout = head.isGrpc ? head.find('grpc-timeout') : null
    // Only over HTTP/2 is it gRPC; otherwise anybody could ask for all the time there is.
    this.#deadline.begin(grpcTimeoutMs(timeout), head.isGrpc && head.isHttp2)
  }

  /** Chooses again where the table has changed since; false when the route is gone, which is then answered. */
  #renewAssignment(): boolean {
    if (this.#assignment.renew()) return true
    this.#answer(NO_ROUTE, { ending: 'noRoute' })
    return false
  }

  /**
   * Sends the request, or begins to connect for it. Returns false when it has failed and was answered.
   * `mayReuse`: over a connection that was kept. Not so for a second try: if one was dead, all may be.
   */
  #attempt(mayReuse: boolean): boolean {
    const { table } = this.#context
    const { upstream: group } = this.#assignment.variant
    const endpoint = this.#attempts.isHopeless ? null : group.choose(this.#attempts.choice)
    if (endpoint === null) return this.#setBack(group.shortage)
    const upstream = endpoint.open(this.#context, this, mayReuse)
    if (upstream === null) return this.#setBack('connectionLimit')
    this.#attempts.open(endpoint)
    this.#upstream = upstream
    if (upstream.isConnected) {
      this.#send(upstream)
    } else {
      this.#phase = CONNECTING
      this.#deadline.arm(table.timeouts.connectMs)
    }
    return true
  }

  /** While it connected the canary may have been taken out, and then this request is not for it any more. */
  onConnected(): void {
    const upstream = this.#upstream!
    this.#upstream = null
    if (!this.#assignment.renew()) {
      this.#abandon(upstream)
      return this.#answer(NO_ROUTE, { ending: 'noRoute' })
    }
    if (this.#assignment.variant.upstream.endpoints.includes(upstream.endpoint)) {
      this.#upstream = upstream
      this.#send(upstream)
    } else {
      this.#abandon(upstream)
      if (!this.#attempt(true)) return
    }
    this.#moveBody()
  }

  /** What has gathered of the request goes on, and more of it may come. */
  #moveBody(): void {
    this.flushUpstream()
    if (this.takesBody && !this.#flow.isRequestPaused) this.#downstream.resumeRequest()
  }

  #send(upstream: Upstream): void {
    const { route, variant } = this.#assignment
    this.#outcome.start(route, variant, upstream.endpoint.id)
    this.#assignment.noteSent()
    const { kept } = this.#attempts
    if (kept.isEmpty) upstream.sendHead(this)
    else this.#sendAgain(upstream)
    this.#phase = this.isRequestDone ? WAITING : SENDING
    if (this.isRequestDone || this.#awaitsContinue) this.#awaitAnswer()
    else this.#deadline.armStall()
    if (route.mirror !== null) this.#copying.start(this, route)
    if (this.#attempts.mayHedge && this.#isShort) this.#hedging.arm(route.hedgeMs!)
  }

  /** Neither a body nor a tunnel: a head says all. */
  get #isShort(): boolean {
    return this.bodyKind === NO_BODY && !this.isUpgrade
  }

  secondEndpoint(): Endpoint | null {
    return this.#phase === WAITING && this.#assignment.isCurrent ? this.#attempts.second() : null
  }

  onHedge(): void {
    this.#outcome.countHedge()
  }

  takesStatus(status: number): boolean {
    return this.#attempts.tries.setbacks[status] === 0
  }

  onHedgeAnswer(hedge: Hedge): void {
    this.#outcome.countHedgeWon()
    this.#hedging.take()
    this.#takeHedge(hedge)
  }

  onHedgeOver(): void {
    this.#hedging.take()
  }

  /** The first try is given up for the second. */
  #takeHedge(hedge: Hedge): void {
    const first = this.#upstream
    this.#upstream = hedge.take()
    this.#attempts.adopt(hedge.endpoint, hedge.startMs)
    first?.close()
  }

  /** The head, and what has come of the body. */
  #sendAgain(upstream: Upstream): void {
    const isDone = this.isRequestDone
    this.isRequestDone = false
    upstream.sendHead(this)
    this.isRequestDone = isDone
    this.#attempts.kept.sendTo(upstream, isDone)
  }

  #awaitAnswer(): void {
    const { nowMs, table } = this.#context
    const { responseHeadMs } = table.timeouts
    this.#answerByMs = nowMs + responseHeadMs
    this.#deadline.arm(Math.min(responseHeadMs, this.#attempts.answerMs))
  }

  /** Where nobody else may be asked, this try has all the time there is. */
  #onNoAnswer(): void {
    if (this.#tryElsewhere({ failure: 'responseTimeout' })) return
    const leftMs = this.#answerByMs - this.#context.nowMs
    if (leftMs > 0) this.#deadline.arm(leftMs)
    else this.#failAndDrop('responseTimeout')
  }

  /** A piece of the request's body. Up to `INLINE_BYTES` it may be overwritten afterwards, and the upstream has copied it. */
  onRequestData(bytes: Buffer, start: number, end: number): void {
    const upstream = this.#upstream
    if (this.#phase < STREAMING) this.#attempts.kept.keep(bytes, start, end)
    this.#copying.keep(bytes, start, end)
    if (upstream === null) return
    this.#awaitsContinue = false
    this.#onRequestMoved(end - start)
    this.#outcome.countRequestBytes(end - start)
    upstream.sendData(bytes, start, end)
  }

  /** Before there is an answer a body has to come at a certain pace; afterwards the two sides talk as they like. */
  #onRequestMoved(byteCount: number): void {
    const { mayBeSilent, pace } = this.#deadline
    if (this.#phase !== SENDING || mayBeSilent || pace.hasMoved(byteCount)) {
      this.#deadline.armStall()
    }
  }

  /** A body without a byte may end before there is a connection to send it on. `trailers`: field lines. */
  onRequestEnd(trailers: string): void {
    if (this.isRequestDone) return
    this.isRequestDone = true
    this.#attempts.kept.keepTrailers(trailers)
    this.#copying.endBody(trailers)
    this.#upstream?.sendEnd(trailers)
    if (this.#phase === TUNNEL) return this.#settleTunnel()
    if (this.#phase !== SENDING) return
    this.#phase = WAITING
    this.#attempts.noteSent()
    this.#awaitAnswer()
  }

  /** Writes what has gathered for the upstream. */
  flushUpstream(): void {
    const upstream = this.#upstream
    if (upstream === null) return
    upstream.flush()
    if (this.takesBody) this.#flow.checkRequest(upstream)
  }

  onUpstreamDrain(): void {
    if (!this.#flow.resumeRequest()) return
    this.#deadline.armStall()
    this.#downstream.resumeRequest()
  }

  onInformational(head: ResponseHead): void {
    if (head.status === 100 && this.#awaitsContinue && this.#phase === SENDING) {
      this.#awaitsContinue = false
      this.#deadline.armStall()
    }
    this.#downstream.sendInformational(head)
  }

  onSwitch(head: ResponseHead): void {
    this.#phase = TUNNEL
    this.isRequestDone = false
    this.#isAnswerDone = false
    this.#deadline.begin(Infinity, true)
    this.#deadline.armStall()
    this.#attempts.noteAnswer(head.status)
    this.#hedging.cancel()
    this.#outcome.openTunnel()
    this.#context.tunnels.add(this)
    this.#downstream.sendSwitch(head, this.#extraLines(head))
    this.#downstream.flush()
    this.#downstream.resumeRequest()
  }

  onResponseHead(head: ResponseHead): void {
    if (this.isConnect && head.status < 300) return this.onRequestFault('notSwitched')
    const answerMs = this.#attempts.noteAnswer(head.status)
    if (this.#attempts.tries.setbacks[head.status] === 1 && this.#isNotLast(head)) return
    this.#hedging.cancel()
    this.#attempts.kept.drop()
    this.#phase = STREAMING
    this.#outcome.noteHead(head, answerMs)
    if (this.#copying.isCopied) this.#copying.noteAnswer(head.status, this.#attempts.latencyUs)
    if (head.isEventStream) this.#deadline.allowSilence()
    this.#deadline.armStall()
    this.#downstream.sendHead(head, this.#extraLines(head))
  }

  #isNotLast(head: ResponseHead): boolean {
    return this.#tryElsewhere({ failure: null, retryAfter: head.find('retry-after') }, head.status)
  }

  /** What we add to the upstream's lines. */
  #extraLines(head: ResponseHead): string {
    const { setCookieLine } = this.#assignment
    return head.hasDate ? setCookieLine : this.#context.dateLine + setCookieLine
  }

  onResponseData(bytes: Buffer, start: number, end: number): boolean {
    this.#deadline.armStall()
    this.#outcome.countResponseBytes(end - start)
    return this.#downstream.sendData(bytes, start, end)
  }

  onResponseEnd(trailers: string): void {
    this.#downstream.sendEnd(trailers)
    if (this.#phase === TUNNEL) {
      this.#isAnswerDone = true
      return this.#settleTunnel()
    }
    this.#upstream = null
    this.#attempts.close(null)
    this.#outcome.noteTrailers(trailers)
    this.#outcome.finish()
    this.#end()
    this.#downstream.onExchangeEnd()
  }

  /** Only an answer that goes on is paused: a connection that is kept must hear its upstream. */
  onReadEnd(): void {
    this.#downstream.flush()
    if (this.#phase >= STREAMING) this.#flow.checkAnswer(this.#upstream)
  }

  /** The client has taken what was written. */
  onDownstreamDrain(): void {
    if (!this.#flow.resumeAnswer()) return
    this.#deadline.armStall()
    this.#upstream?.resume()
  }

  onUpstreamFailure(reason: UpstreamFailure, retry: number): void {
    if (this.#phase === IDLE) return
    this.#upstream = null
    if (!this.#isResent(retry)) return void this.#setBack(reason, retry === ALWAYS)
    this.#mayResend = false
    this.#flow.begin()
    this.#attempts.close(null)
    this.#outcome.countRetry()
    this.#goOn(false)
  }

  /** A connection that was kept had died, or the upstream has not begun: the same try again, which is no setback. */
  #isResent(retry: number): boolean {
    if (!this.#mayResend || retry === NEVER || this.#phase >= STREAMING) return false
    return this.#attempts.mayResend(retry === ALWAYS)
  }

  /** Tries once more, where that is left to try. */
  #goOn(mayReuse: boolean): void {
    this.#phase = CONNECTING
    if (!this.#renewAssignment() || !this.#attempt(mayReuse)) return
    // What comes of the body meanwhile has nowhere to go; `onConnected` goes on with it.
    if (this.#phase === CONNECTING && !this.isRequestDone) this.#downstream.pauseRequest()
    this.#moveBody()
  }

  /** A try has failed: another one, or the end. Returns whether the request goes on. */
  #setBack(reason: UpstreamFailure, isUnread = false): boolean {
    if (this.#tryElsewhere({ failure: reason, isUnread })) return true
    return this.#fail(reason)
  }

  /** `status`: of an answer that is not passed on then. Returns false where this was the last try. */
  #tryElsewhere(setback: Setback, status = 0): boolean {
    if (this.#phase >= STREAMING) return false
    const hedge = this.#hedging.take()
    if (hedge !== null) {
      this.#attempts.close(setback.failure)
      this.#outcome.noteSetback()
      this.#takeHedge(hedge)
      this.#awaitAnswer()
      return true
    }
    const next = this.#attempts.after(setback)
    if (next === NOTHING) return false
    const upstream = this.#upstream
    this.#upstream = null
    this.#attempts.close(setback.failure)
    upstream?.close()
    this.#flow.begin()
    this.#outcome.start(this.#assignment.route, this.#assignment.variant, null)
    if (next === ON_STABLE) {
      this.#outcome.fallBack(setback.failure, status)
      this.#assignment.fallBack()
      this.#attempts.forgetEndpoint()
      this.#mayResend = true
      this.#goOn(true)
    } else if (next === AGAIN) {
      this.#outcome.countRetry()
      this.#outcome.noteSetback()
      this.#backOff()
    }
    return true
  }

  #backOff(): void {
    this.#phase = CONNECTING
    this.#deadline.arm(Infinity)
    if (!this.isRequestDone) this.#downstream.pauseRequest()
    this.#attempts.wait(() => {
      try {
        this.#goOn(true)
      } catch (error) {
        this.#context.report(error)
        this.#failAndDrop('internal')
      }
    })
  }

  /** The client is gone: cancels the upstream's work. */
  onClientGone(): void {
    if (this.#phase !== IDLE) this.#giveUp({ ending: 'clientGone' })
  }

  /** The client broke the rules in the middle of its body, or the body did not come. */
  onRequestFault(fault: RequestFault): void {
    if (this.#phase === IDLE) return
    this.#context.refusals.request(
      fault,
      this.#downstream.peer.address,
      `${this.method} ${this.target}`,
    )
    if (this.#phase < STREAMING) {
      this.#dropUpstream()
      this.#answer(REQUEST_FAULTS[fault], { fault })
    } else {
      this.#giveUp({ fault })
      this.#downstream.breakOff()
    }
  }

  /** Called by the sweep when `deadlineMs` has passed. */
  onDeadline(): void {
    if (this.#phase === TUNNEL) return this.#onTunnelDeadline()
    if (this.#deadline.isLatestOver) return this.#failAndDrop('deadline')
    switch (this.#phase) {
      case CONNECTING:
        return this.#setBackAndDrop('connectTimeout')
      case SENDING:
        if (this.#awaitsContinue) return this.#onNoAnswer()
        if (!this.#flow.isRequestPaused) return this.#downstream.refuseBody('timeout')
        if (!this.#isTaking()) this.#failAndDrop('writeStalled')
        return
      case WAITING:
        return this.#onNoAnswer()
      case STREAMING:
        return this.#onStall()
      default:
        this.#deadline.clear()
    }
  }

  /** The answer has not moved: the client does not take it, or keeps back its request, or the upstream stopped. */
  #onStall(): void {
    const { isAnswerPaused, isRequestPaused } = this.#flow
    if (isAnswerPaused) {
      if (this.#isTaking()) return
      this.#giveUp({ ending: 'clientStalled' })
      this.#downstream.breakOff()
    } else if (this.isRequestDone) {
      // That there were no events is not the endpoint's fault.
      if (this.#deadline.mayBeSilent) this.#attempts.close(null)
      this.#failAndDrop('stalled')
    } else if (!isRequestPaused) {
      this.#downstream.refuseBody('timeout')
    } else if (!this.#isTaking()) {
      this.#failAndDrop('stalled')
    }
  }

  /** Whether a slow reader has taken enough since the deadline was set; then it gets another one. */
  #isTaking(): boolean {
    if (!this.#flow.isTaking(this.#upstream)) return false
    this.#deadline.armStall()
    return true
  }

  /** The tunnel's table is not in force any more: where nobody new comes to its upstream, it ends in a while. */
  onTableChange(): void {
    const { table } = this.#context
    const { name } = this.#assignment.route
    if (isLeaving(table, name, this.#upstream!.endpoint)) {
      if (this.#deadline.latestMs === Infinity) this.drainTunnel(table.timeouts.tunnelDrainMs)
    } else if (!this.#context.isDraining) {
      this.#deadline.latestMs = Infinity
      this.#deadline.armStall()
    }
  }

  /** Ends the tunnel within `withinMs`, at a time of its own, so that not all clients come back at once. */
  drainTunnel(withinMs: number): void {
    const { nowMs, random } = this.#context
    this.#deadline.shorten(drainDeadlineMs(nowMs, withinMs, random))
  }

  #onTunnelDeadline(): void {
    const isDrained = this.#deadline.isLatestOver
    if (!isDrained && this.#isTaking()) return
    this.#endTunnel({ ending: isDrained ? 'drained' : 'tunnelIdle' })
    this.#downstream.onExchangeEnd()
  }

  /** One side of the tunnel has ended; with the second one it is over. */
  #settleTunnel(): void {
    this.#deadline.armStall()
    if (!this.isRequestDone || !this.#isAnswerDone) return
    this.#endTunnel({})
    this.#downstream.onExchangeEnd()
  }

  #endTunnel(why: Why): void {
    this.#context.tunnels.delete(this)
    this.#outcome.closeTunnel(why)
    this.#dropUpstream()
    this.#end()
  }

  #setBackAndDrop(reason: UpstreamFailure): void {
    if (!this.#tryElsewhere({ failure: reason })) this.#failAndDrop(reason)
  }

  #failAndDrop(reason: UpstreamFailure): void {
    this.#attempts.close(reason)
    this.#dropUpstream()
    this.#fail(reason)
  }

  #dropUpstream(): void {
    const upstream = this.#upstream
    this.#upstream = null
    this.#attempts.close(null)
    upstream?.close()
  }

  /** A connection that is not wanted any more. */
  #abandon(upstream: Upstream): void {
    this.#attempts.close(null)
    upstream.close()
  }

  #fail(reason: UpstreamFailure): false {
    this.#attempts.close(reason)
    if (this.#phase === TUNNEL) {
      this.#endTunnel({ failure: reason })
      this.#downstream.breakOff()
      return false
    }
    if (this.#phase === STREAMING) {
      this.#outcome.fail(reason)
      this.#end()
      this.#downstream.flush()
      this.#downstream.breakOff()
    } else {
      this.#answer(UPSTREAM_FAILURES[reason], { failure: reason })
    }
    return false
  }

  /** Ends the request with an answer of our own, which counts for the variant. */
  #answer(failure: Failure, why: Why): void {
    const { route, variant, setCookieLine } = this.#assignment
    this.#outcome.start(route, variant, null)
    this.#outcome.answer(failure.status, why)
    if (this.#copying.isCopied) this.#copying.noteAnswer(failure.status, this.#attempts.latencyUs)
    this.#end()
    this.#tell(failure, setCookieLine)
  }

  /** Before any variant was chosen. `found`: what broke the rule. */
  #refuse(fault: RequestFault, found: string): void {
    this.#context.refusals.request(fault, this.#downstream.peer.address, found)
    this.#answerLocally(REQUEST_FAULTS[fault], { fault })
  }

  /** An answer before any variant was chosen; the request's body, if there is one, is not read. */
  #answerLocally(failure: Failure, why: Why): void {
    this.#outcome.answerLocally(failure.status, why)
    this.#tell(failure, '')
  }

  #tell(failure: Failure, extraLines: string): void {
    this.#downstream.sendFailure(failure, { extraLines, isGrpc: this.#isGrpc })
    this.#downstream.flush()
    this.#downstream.onExchangeEnd()
  }

  /** The client is not there any more, or will not be. */
  #giveUp(why: Why): void {
    if (this.#phase === TUNNEL) return this.#endTunnel(why)
    this.#dropUpstream()
    const { route, variant } = this.#assignment
    this.#outcome.start(route, variant, null)
    this.#outcome.giveUp(why)
    this.#end()
  }

  #end(): void {
    this.#phase = IDLE
    this.#deadline.clear()
    this.#copying.end()
    this.#attempts.kept.drop()
    this.#attempts.cancelWait()
    this.#hedging.cancel()
  }
}
