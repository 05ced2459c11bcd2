import { success, type Principal, type Result, type Snapshot, type Target } from '@headrace/contract'
import { describeTimeouts } from './timeouts.ts'

/** What would happen to a request, as lines for people: `headrace explain MODEL`. Names credentials by id, never by value. */
export function explainPlan(snapshot: Snapshot, model: string, principal: Principal): Result<readonly string[]> {
  const plan = snapshot.plan(model, principal)
  if (!plan.ok) return plan
  const { hooks, policy } = snapshot
  const on = Object.entries(hooks).filter(([, hook]) => hook !== null).map(([name]) => name)
  const lines = [
    `${JSON.stringify(model)} for key ${principal.keyId}, configuration ${snapshot.version}`,
    `  at most ${policy.maxAttempts} attempts; JSON answers held up to ${policy.holdLimit} bytes; plugins: ${on.join(', ') || 'none'}`,
  ]
  const { hedge, shadow } = plan.value
  if (hedge != null) lines.push(`  hedged after the p95 of the target, at least ${hedge.leastMs} ms, in at most ${Math.round(hedge.share * 100)} of 100 requests`)
  if (shadow != null) lines.push(`  ${Math.round(shadow.share * 100)} of 100 requests are copied to ${JSON.stringify(shadow.plan.targets[0]?.name ?? '')}, at most ${shadow.concurrency} at a time in each worker`)
  plan.value.targets.forEach((target, index) => {
    const { tls, authority, proxy } = target.origin
    lines.push(
      `  ${index + 1}. ${JSON.stringify(target.name)}`,
      `     ${tls ? 'https' : 'http'}://${authority}${target.paths.chat}${proxy === null ? '' : ` through ${proxy}`}`,
      `     credential ${target.credentialId ?? 'none'}; usage ${policy.askUsage && target.usageOption ? 'asked for' : 'not asked for'}; timeouts: ${describeTimeouts(target.timeouts)}${wholeFirstToken(target)}`,
      `     ${explainFacts(target)}`,
    )
  })
  return success(lines)
}

function wholeFirstToken({ timeouts, wholeTimeouts = timeouts, facts }: Target): string {
  return wholeTimeouts === timeouts ? '' : ` (first_token by the class ${facts?.firstToken ?? 'normal'}; ${wholeTimeouts.firstToken} ms for an answer in one piece)`
}

function explainFacts({ price, facts }: Target): string {
  const tokens = (count: number | undefined): string => count === undefined || count < 0 ? 'unknown' : String(count)
  const can = Object.entries(facts?.capabilities ?? {}).filter(([, does]) => does).map(([name]) => name)
  return `price ${price == null ? 'unknown' : price.version}; context ${tokens(facts?.contextWindow)} tokens, output ${tokens(facts?.maxOutput)}; can ${can.join(', ') || 'unknown'}`
}
