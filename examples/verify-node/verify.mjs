// Verifies a consent receipt, a dossier or a copy of the consent log of optin, with node:crypto and public keys alone.
//
//   node verify.mjs receipt jwks.json receipt.jwt
//   node verify.mjs dossier jwks.json KEY dossier.zip      KEY is what "optin log key" prints
//   node verify.mjs log KEY DIR [kept-checkpoint]
//
// It prints what holds and what does not, and exits with 1 if something does not.
import { createHash, createHmac, createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { inflateRawSync } from 'node:zlib'

const sha256 = (...parts) => parts.reduce((h, p) => h.update(p), createHash('sha256')).digest()
const hex = b => b.toString('hex')
const fail = what => { throw new Error(what) }
let failed = false
function check(what, f) {
  try { f(); console.log(`HOLDS: ${what}`) } catch (e) { failed = true; console.log(`DOES NOT HOLD: ${what}: ${e.message}`) }
}
function strict(text, encoding) { // base64 has several spellings; one is taken
  const b = Buffer.from(text, encoding)
  return b.toString(encoding) === text ? b : fail('base64 that is not in its one spelling')
}

function receipt(jwks, text) {
  const parts = text.replace(/\n$/, '').split('.')
  if (parts.length !== 3) fail('it is not a compact JWS')
  const [head, body, signature] = parts.map(p => strict(p, 'base64url'))
  const { alg, typ, kid, ...more } = JSON.parse(head)
  if (typ !== 'consent-receipt+jwt' || Object.keys(more).length) fail('its header is not that of a consent receipt')
  const jwk = jwks.keys.find(k => k.kid === kid) ?? fail('it is signed with a key that is not in the key set')
  const ec = jwk.kty === 'EC'
  const required = ec ? { crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y } : { crv: jwk.crv, kty: jwk.kty, x: jwk.x }
  if (sha256(JSON.stringify(required)).toString('base64url') !== kid) fail('the kid is not the thumbprint of its key')
  if (alg !== (ec ? 'ES256' : 'Ed25519')) fail("its algorithm is not the key's")
  const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }
  if (!verify(ec ? 'sha256' : null, Buffer.from(`${parts[0]}.${parts[1]}`), key, signature)) fail('its signature is not genuine')
  return JSON.parse(body)
}

function checkpoint(key, text) { // a signed note: C2SP tlog-checkpoint
  const [name, hash, encoded] = key.split(/\+(?=[0-9a-f]{8}\+)|(?<=\+[0-9a-f]{8})\+/)
  const raw = strict(encoded, 'base64')
  if (raw[0] !== 1 || hex(sha256(name, '\n', raw).subarray(0, 4)) !== hash) fail('the key of the log cannot be read')
  const end = text.indexOf('\n\n')
  const body = text.slice(0, end + 1)
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: raw.subarray(1).toString('base64url') }
  const good = text.slice(end + 2).split('\n').filter(Boolean).some(line => {
    const [dash, by, sig] = line.split(' ')
    const b = strict(sig, 'base64')
    return dash === '—' && by === name && hex(b.subarray(0, 4)) === hash &&
      verify(null, Buffer.from(body), createPublicKey({ key: jwk, format: 'jwk' }), b.subarray(4))
  })
  const lines = body.split('\n')
  if (!good || lines[0] !== name || !/^(0|[1-9]\d*)$/.test(lines[1])) fail('the checkpoint is not signed by the log')
  return { size: Number(lines[1]), root: strict(lines[2], 'base64') }
}

const prefix = 'optin-consent-log/1\n'
const leafHash = entry => sha256(Buffer.of(0), entry)
const node = (l, r) => sha256(Buffer.of(1), l, r)
function split(n) { let k = 1; while (2 * k < n) k *= 2; return k } // RFC 6962 section 2.1
function root(hashes) {
  if (hashes.length < 2) return hashes[0] ?? sha256('')
  const k = split(hashes.length)
  return node(root(hashes.slice(0, k)), root(hashes.slice(k)))
}
function climb(path, size, index, hash) { // RFC 6962 section 2.1.1
  if (size === 1) return path.length ? fail('the proof is too long') : hash
  const k = split(size), beside = path.at(-1) ?? fail('the proof is too short')
  return index < k ? node(climb(path.slice(0, -1), k, index, hash), beside)
    : node(beside, climb(path.slice(0, -1), size - k, index - k, hash))
}

function proof(key, text, salt, record) { // C2SP tlog-proof
  const end = text.indexOf('\n\n')
  const [magic, index, ...path] = text.slice(0, end).split('\n')
  if (magic !== 'c2sp.org/tlog-proof@v1' || !/^index (0|[1-9]\d*)$/.test(index)) fail('this is not a tlog-proof')
  const head = checkpoint(key, text.slice(end + 2)), n = Number(index.slice(6))
  const hash = leafHash(Buffer.concat([Buffer.from(prefix), createHmac('sha256', salt).update(record).digest()]))
  const hashes = path.map(h => strict(h, 'base64'))
  if (n >= head.size || !climb(hashes, head.size, n, hash).equals(head.root)) fail(`the record is not leaf ${n} of the log`)
  return n
}

function log(key, dir, kept) {
  const head = checkpoint(key, readFileSync(`${dir}/checkpoint`, 'utf8')), hashes = []
  const tile = n => n < 1000 ? String(n).padStart(3, '0') : tile(Math.floor(n / 1000)).replace(/(\d{3})$/, 'x$1') + '/' + tile(n % 1000)
  for (let from = 0; from < head.size; from += 256) {
    const entries = readFileSync(`${dir}/tile/entries/${tile(from / 256)}`), stored = readFileSync(`${dir}/tile/0/${tile(from / 256)}`)
    for (let i = 0; i < Math.min(256, head.size - from); i++) {
      const entry = entries.subarray(i * 54 + 2, (i + 1) * 54)
      if (entry.length !== 52 || entries.readUInt16BE(i * 54) !== 52 || !entry.toString('latin1').startsWith(prefix)) fail(`entry ${from + i} is not one`)
      if (!leafHash(entry).equals(stored.subarray(i * 32, (i + 1) * 32))) fail(`leaf ${from + i} is not the hash of its entry`)
      hashes.push(leafHash(entry))
    }
  }
  if (!root(hashes).equals(head.root)) fail('the leaves do not lead to the root of the checkpoint')
  if (!kept) return
  const old = checkpoint(key, kept)
  if (old.size > head.size || !root(hashes.slice(0, old.size)).equals(old.root)) fail('the history was rewritten')
}

function unzip(b) {
  const files = {}, end = b.lastIndexOf(Buffer.from('PK\x05\x06'))
  for (let at = b.readUInt32LE(end + 16), n = b.readUInt16LE(end + 10); n > 0; n--) {
    const [packed, length, extra, comment, from] = [b.readUInt32LE(at + 20), b.readUInt16LE(at + 28), b.readUInt16LE(at + 30), b.readUInt16LE(at + 32), b.readUInt32LE(at + 42)]
    const start = from + 30 + b.readUInt16LE(from + 26) + b.readUInt16LE(from + 28), data = b.subarray(start, start + packed)
    files[b.toString('utf8', at + 46, at + 46 + length)] = b.readUInt16LE(at + 10) ? inflateRawSync(data) : data
    at += 46 + length + extra + comment
  }
  return files
}

function dossier(jwks, key, files) {
  const d = JSON.parse(files['dossier.json'])
  const same = (name, content) => files[name]?.toString() === content || fail(`the file ${name} is not as dossier.json has it`)
  for (const sum of Object.keys(d.statements)) check(`the statement ${sum}`, () => {
    same(`statements/${sum}.json`, JSON.stringify(d.statements[sum]))
    if (hex(sha256(files[`statements/${sum}.json`])) !== sum) fail('the words were changed')
  })
  check('the page dossier.html', () => {
    if (hex(sha256(files['dossier.html'] ?? fail('it is missing'))) !== d.page_sha256) fail('it was changed')
  })
  const confirmed = e => e.action === 'confirmed', about = (e, id) => e.purposes?.find(p => p.id === id)
  check('where the subscription stands', () => {
    const purposes = d.subscription.purposes.filter(p => p.state === 'confirmed')
    if (purposes.length > 0 !== (d.subscription.state === 'confirmed')) fail('its purposes say something else')
    for (const p of d.subscription.purposes) if (d.statements[p.text_sha256] && d.statements[p.text_sha256].text !== p.text) fail('it has other words than the statement')
    for (const p of purposes) {
      if (!d.events.some(e => confirmed(e) && e.at === p.since && about(e, p.id)?.text_sha256 === p.text_sha256)) fail(`no event is the confirmation of ${p.id}`)
      if (d.events.some(e => ['withdrawn', 'declined', 'superseded'].includes(e.action) && !e.request && e.at >= p.since && about(e, p.id)?.text_sha256 === p.text_sha256)) fail(`${p.id} was taken back`)
    }
  })
  for (const e of d.events.filter(e => e.receipt)) if (!d.receipts.some(r => r.id === e.receipt)) check(`the receipt ${e.receipt}`, () => fail('it is missing'))
  for (const e of d.emails) check(`the email ${e.id}`, () => {
    if (!d.events.some(s => s.action === 'email_taken' && s.email.id === e.id && s.email.sha256 === e.sha256 && s.at === e.taken_at && s.seen?.reply === e.reply)) fail('no event says that a mail server took it')
    if (!e.eml) return
    same(`emails/${e.id}.eml`, e.eml)
    if (hex(sha256(e.eml)) !== e.eml_sha256) fail('the email was changed')
  })
  for (const r of d.receipts) check(`the receipt ${r.id}`, () => {
    same(`receipts/${r.id}.jwt`, r.jwt)
    const p = receipt(jwks, r.jwt), step = d.events.find(e => e.receipt === r.id) ?? fail('no event is its confirmation')
    if (p.receipt_id !== r.id || p.event[1].event_time !== step.at) fail('the event says something else')
    if (p.pii_processing.length !== step.purposes.length) fail('it is about other purposes')
    p.pii_processing.forEach((q, i) => { if (step.purposes[i]?.text_sha256 !== q.purpose.text_sha256) fail('it is about other words') })
  })
  const logged = new Set()
  d.log.forEach((l, n) => check(`leaf ${l.index} of the log`, () => {
    const salt = strict(l.salt, 'base64'), record = JSON.parse(l.record)
    for (const part of ['record.json', 'salt', 'tlog-proof']) same(`log/${l.index}.${part}`, { 'record.json': l.record, salt: l.salt, 'tlog-proof': l.proof }[part])
    if (proof(key, l.proof, salt, l.record) !== l.index) fail('the proof is of another leaf')
    const commit = (what, v) => v && 'hmac-sha256:' + createHmac('sha256', salt).update(`optin ${what} ${v}`).digest('hex')
    if (record.subscription !== d.subscription.id) fail('its record is of another subscription')
    if (n === d.log.length - 1 && (record.email ?? '') !== (d.subscription.email ?? '')) fail('its record is about another address')
    const committed = s => s && { ...s, ...s.ip && { ip: commit('ip', s.ip) }, ...s.user_agent && { user_agent: commit('user_agent', s.user_agent) } }
    const sorted = v => v && typeof v === 'object' && !Array.isArray(v) ? Object.fromEntries(Object.keys(v).sort().filter(k => v[k] !== undefined && k !== 'message_id').map(k => [k, sorted(v[k])])) : Array.isArray(v) ? v.map(sorted) : v
    const as = (e, of) => JSON.stringify(sorted({ ...e, ...Object.fromEntries(['seen', 'attested'].map(k => [k, e[k] && { ...e[k], ...of[k]?.ip?.includes('/') && { ip: undefined } }])) })) // an IP that was cut to its network since is not compared
    const deleted = id => id && !d.events.some(e => e.request === id) && !record.events.some(e => e.request === id && confirmed(e)) // a request that led to no consent
    for (const e of record.events) {
      if (e.action !== 'unanswered' && !deleted(e.request) && !d.events.some(of => as(e, of) === as({ ...of, seen: committed(of.seen), attested: committed(of.attested) }, of))) fail(`the event ${e.action} at ${e.at} is not as the log has it`)
      logged.add(e.action + e.at)
    }
  }))
  if (key) for (const e of d.events.filter(e => confirmed(e) && e.purposes)) if (!logged.has(e.action + e.at)) check(`the confirmation at ${e.at}`, () => fail('no record of the log has it'))
}

const [what, ...args] = process.argv.slice(2), read = name => readFileSync(name, 'utf8')
if (what === 'receipt') check('the receipt', () => receipt(JSON.parse(read(args[0])), read(args[1])))
else if (what === 'dossier') { try { dossier(JSON.parse(read(args[0])), args[1], unzip(readFileSync(args[2]))) } catch (e) { check('the dossier', () => { throw e }) } }
else if (what === 'log') check('the log', () => log(args[0], args[1], args[2] && read(args[2])))
else { console.error('usage: node verify.mjs receipt|dossier|log …'); process.exit(2) }
process.exit(failed ? 1 : 0)
