// Verifies a consent receipt, a dossier or a copy of the consent log of optin, with node:crypto and public keys alone.
//   node verify.mjs receipt jwks.json receipt.jwt
//   node verify.mjs dossier jwks.json KEY dossier.zip      KEY is what "optin log key" prints
//   node verify.mjs log KEY DIR [kept-checkpoint]
import { createHash, createHmac, verify } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { crc32, inflateRawSync } from 'node:zlib'
const sha256 = (...parts) => parts.reduce((h, p) => h.update(p), createHash('sha256')).digest()
const hmac = (salt, text) => createHmac('sha256', salt).update(text).digest()
const hex = b => b.toString('hex'), read = name => readFileSync(name, 'utf8')
const need = (is, what) => { if (!is) throw new Error(what); return is }
const say = (what, why = '') => console.log(`${why ? 'DOES NOT HOLD' : 'HOLDS'}: ${what}${why}`)
const check = (what, f) => { try { f(); say(what) } catch (e) { process.exitCode = 1; say(what, `: ${e.message}`) } }
const each = (all, what, f) => new Set(all.filter(Boolean)).forEach(x => check(`${what} ${x}`, () => f(x)))
const strict = (text, encoding, b = Buffer.from(text ?? '', encoding)) => // base64 has several spellings; one is taken
  need(b.toString(encoding) === text && b, 'base64 that is not in its one spelling')

function receipt(jwks, text) { // a compact JWS (RFC 7515) whose kid is the thumbprint of its key (RFC 7638)
  const parts = text.replace(/\n$/, '').split('.'), three = need(parts.length === 3 && parts, 'it is not a compact JWS')
  const [head, body, signature] = three.map(p => strict(p, 'base64url')), { alg, typ, kid, ...more } = JSON.parse(head)
  need(typ === 'consent-receipt+jwt' && !Object.keys(more).length, 'its header is not that of a consent receipt')
  const jwk = need(jwks.keys.find(k => k.kid === kid), 'it is signed with a key that is not in the key set')
  const { crv, kty, x, y } = jwk, ec = kty === 'EC', key = { key: jwk, format: 'jwk', dsaEncoding: 'ieee-p1363' }
  need(sha256(JSON.stringify({ crv, kty, x, y })).toString('base64url') === kid, 'its kid is not that of the key')
  need(alg === (ec ? 'ES256' : 'Ed25519'), 'its algorithm is not that of the key')
  const signed = Buffer.from(`${parts[0]}.${parts[1]}`)
  return need(verify(ec ? 'sha256' : null, signed, key, signature), 'its signature is not genuine') && JSON.parse(body)
}

function checkpoint(key, text) { // a signed note (C2SP tlog-checkpoint)
  const [, name, hash, encoded] = need(/^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(key), 'the key of the log cannot be read')
  const raw = strict(encoded, 'base64'), x = raw.subarray(1).toString('base64url')
  need(raw[0] === 1 && hex(sha256(name, '\n', raw).subarray(0, 4)) === hash, 'the key of the log cannot be read')
  const signer = { key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }
  const end = text.indexOf('\n\n') + 1, body = text.slice(0, end), [origin, size, top] = body.split('\n')
  const good = text.slice(end + 1).split('\n').filter(Boolean).map(line => {
    const [dash, by, b64] = line.split(' '), b = strict(b64, 'base64'), id = hex(b.subarray(0, 4))
    return `${dash} ${by} ${id}` === `— ${name} ${hash}` && verify(null, Buffer.from(body), signer, b.subarray(4))
  })
  need(good.includes(true) && origin === name && size === `${Number(size)}`, 'the checkpoint is not signed by the log')
  return { size: Number(size), root: strict(top, 'base64') }
}

const prefix = Buffer.from('optin-consent-log/1\n'), leafHash = entry => sha256(Buffer.of(0), entry)
const node = (l, r) => sha256(Buffer.of(1), l, r), split = n => 2 ** (31 - Math.clz32(n - 1)) // RFC 6962, 2.1
const root = (all, k = split(all.length)) =>
  all.length < 2 ? all[0] ?? sha256('') : node(root(all.slice(0, k)), root(all.slice(k)))
function climb(path, size, index, hash, k = split(size)) {
  if (size === 1) return need(!path.length && hash, 'the proof is too long')
  const beside = need(path.at(-1), 'the proof is too short'), below = path.slice(0, -1)
  return index < k ? node(climb(below, k, index, hash), beside) : node(beside, climb(below, size - k, index - k, hash))
}
function proof(key, text, n, salt, record) { // C2SP tlog-proof
  const end = text.indexOf('\n\n'), [magic, index, ...path] = text.slice(0, end).split('\n')
  need(magic === 'c2sp.org/tlog-proof@v1' && index === `index ${n}` && n >= 0, `this is no proof of leaf ${n}`)
  const leaf = leafHash(Buffer.concat([prefix, hmac(salt, record)])), hashes = path.map(h => strict(h, 'base64'))
  const head = checkpoint(key, text.slice(end + 2)), is = n < head.size && climb(hashes, head.size, n, leaf)
  need(is && is.equals(head.root), `the record is not leaf ${n} of the log`)
}

function log(key, dir, kept) { // C2SP tlog-tiles: 256 hashes or entries each
  const nameOf = n => `${n}`.padStart(Math.ceil(`${n}`.length / 3) * 3, '0').replace(/\d{3}(?=\d)/g, 'x$&/'), tiles = {}
  const part = p => `${p}/${Math.max(...readdirSync(p))}` // fetched file by file: one that is not full, by its width
  const at = p => readFileSync(existsSync(p) ? p : part(`${p}.p`)), tile = p => tiles[p] ??= at(`${dir}/tile/${p}`)
  const item = (level, i, size) => tile(`${level}/${nameOf(i >> 8)}`).subarray(i % 256 * size, (i % 256 + 1) * size)
  const head = checkpoint(key, read(`${dir}/checkpoint`)), hashes = []
  for (let i = 0; i < head.size; i++) {
    const entry = item('entries', i, 54), is = entry.length === 54 && entry.readUInt16BE() === 52
    need(is && prefix.equals(entry.subarray(2, 22)), `entry ${i} is not one`)
    hashes.push(leafHash(entry.subarray(2)))
    need(hashes[i].equals(item(0, i, 32)), `leaf ${i} is not the hash of entry ${i}`)
  }
  for (let level = 1, all = hashes; all.length >= 256; level++) {
    all = Array.from({ length: all.length >> 8 }, (_, i) => root(all.slice(i << 8, (i + 1) << 8)))
    all.forEach((h, i) => need(h.equals(item(level, i, 32)), `tile ${i >> 8} of level ${level} is not of those below`))
  }
  need(root(hashes).equals(head.root), 'the leaves do not lead to the root: some were changed, removed or reordered')
  const old = kept ? checkpoint(key, kept) : head
  need(old.size <= head.size && root(hashes.slice(0, old.size)).equals(old.root), 'the history was rewritten')
}
function unzip(b, files = {}) {
  for (let end = b.lastIndexOf('PK\x05\x06'), at = b.readUInt32LE(end + 16), n = b.readUInt16LE(end + 10); n > 0; n--) {
    const [sum, packed, from] = [16, 20, 42].map(o => b.readUInt32LE(at + o))
    const [method, length, extra, comment] = [10, 28, 30, 32].map(o => b.readUInt16LE(at + o))
    const name = b.toString('utf8', at + 46, at + 46 + length), start = from + 30 + length + b.readUInt16LE(from + 28)
    const data = b.subarray(start, start + packed), content = method ? inflateRawSync(data) : data
    files[need(crc32(content) === sum && !files[name] && name, `${name} was changed, or is there twice`)] = content
    at += 46 + length + extra + comment
  }
  return files
}
function dossier(jwks, key, files, seen = ['dossier.json', 'verify.txt', 'jwks.json', 'log.key']) {
  const d = JSON.parse(files['dossier.json'], (k, v) => k === 'message_id' ? undefined : v) // the log has its left side
  const file = name => { seen.push(name); return need(files[name], `the file ${name} is missing`) }
  const same = (name, text) => need(`${file(name)}` === text, `the file ${name} is not as dossier.json has it`)
  const sums = e => (e.purposes ?? []).map(p => p.text_sha256), confirmed = e => e.action === 'confirmed'
  check('the page dossier.html', () => need(hex(sha256(file('dossier.html'))) === d.page_sha256, 'it was changed'))
  each([...d.events.flatMap(sums), ...Object.keys(d.statements)], 'the statement', sum => {
    const words = JSON.stringify(need(d.statements[sum], 'it is missing'))
    need(same(`statements/${sum}.json`, words) && hex(sha256(words)) === sum, 'the words were changed')
  })
  check('where the subscription stands', () => {
    const all = d.subscription.purposes, given = all.filter(p => p.state === 'confirmed')
    need(given.length > 0 === (d.subscription.state === 'confirmed'), 'its purposes say something else')
    for (const p of all) need(p.text === (d.statements[p.text_sha256] ?? p).text, `${p.id} has other words`)
    for (const p of given) {
      const since = d.events.filter(e => new Date(e.at) >= new Date(p.since) && sums(e).includes(p.text_sha256))
      need(since.some(e => confirmed(e) && e.at === p.since), `no event is the confirmation of ${p.id}`)
      need(!since.some(e => /^(withdrawn|declined|superseded|validity)/.test(e.action) && !e.request), `${p.id} ended`)
    }
  })
  for (const m of d.emails) check(`the email ${m.id}`, () => {
    const took = e => e.action === 'email_taken' && e.email.id === m.id && e.email.sha256 === m.sha256
    need(d.events.some(e => took(e) && e.at === m.taken_at && e.seen?.reply === m.reply), 'no event says so')
    need(!m.eml || same(`emails/${m.id}.eml`, m.eml) && hex(sha256(m.eml)) === m.eml_sha256, 'the email was changed')
  })
  each([...d.events, ...d.receipts].map(x => x.jwt ? x.id : x.receipt), 'the receipt', id => {
    const { jwt } = need(d.receipts.find(r => r.id === id), 'it is missing')
    const p = same(`receipts/${id}.jwt`, jwt) && receipt(jwks, jwt), e = d.events.find(e => e.receipt === id)
    need(e && p.receipt_id === id && p.event[1].event_time === e.at, 'no event is its confirmation')
    need(`${sums(e)}` === `${p.pii_processing.map(q => q.purpose.text_sha256)}`, 'it is about other words')
  })
  const records = d.log.map(l => JSON.parse(l.record)), cut = /^([\d.]+\.0\/24|[\da-f:]+::\/48)$/
  d.log.forEach((l, n) => check(`leaf ${l.index} of the log`, () => {
    const part = (name, text) => same(`log/${l.index}.${name}`, text) && text
    const record = part('record.json', l.record), salt = strict(part('salt', l.salt), 'base64'), r = records[n]
    proof(key, part('tlog-proof', l.proof), l.index, salt, record)
    const is = d.subscription, address = d.log[n + 1] ? r.email : is.email // it may have changed until the last
    need(r.subscription === is.id && r.email === address, 'its record is of another subscription, or address')
    // In the log what is personal is a MAC. An IP that was cut to its network since is not compared.
    const mac = (s, k) => s[k] && `hmac-sha256:${hex(hmac(salt, `optin ${k} ${s[k]}`))}`
    const side = (s, of) => s && { ...s, ip: cut.test(s.ip) ? of?.ip : mac(s, 'ip'), user_agent: mac(s, 'user_agent') }
    const as = (e, of) => ({ ...e, seen: side(e.seen, of.seen), attested: side(e.attested, of.attested) })
    const equal = (e, of) => isDeepStrictEqual(JSON.parse(JSON.stringify(as(of, e))), e)
    const kept = id => !id || [...d.events, ...r.events.filter(confirmed)].some(e => e.request === id)
    for (const e of r.events) if (e.action !== 'unanswered' && kept(e.request))
      need(d.events.some(of => equal(e, of)), `the event ${e.action} at ${e.at} is not as the log has it`)
  }))
  const logged = records.flatMap(r => r.events).filter(confirmed).map(e => e.at)
  const given = d.events.filter(e => key && confirmed(e) && e.purposes).map(e => e.at)
  each(given, 'the confirmation at', at => need(logged.includes(at), 'no record of the log has it'))
  each(Object.keys(files).filter(f => !seen.includes(f)), 'the file', () => need(0, 'dossier.json does not know it'))
}

const [what, ...[a, b, c]] = process.argv.slice(2), json = name => JSON.parse(read(name))
if (what === 'receipt') check('the receipt', () => receipt(json(a), read(b)))
else if (what === 'log') check('the log', () => log(a, b, c && read(c)))
else if (what === 'dossier') check('the file can be read', () => dossier(json(a), b, unzip(readFileSync(c))))
else { console.error('usage: node verify.mjs receipt|dossier|log …'); process.exitCode = 2 }
