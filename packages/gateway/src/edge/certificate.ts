import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext } from 'node:tls'

/** Paths of PEM files: the certificate chain, leaf first, and its private key. */
export interface CertificateFiles { readonly cert: string, readonly key: string }

/** PEM texts that belong together. Secret: the key is in it. */
export interface Certificate { readonly cert: string, readonly key: string }

/** Larger files are not certificates, bytes. */
const MAX_BYTES = 1_048_576

/**
 * Reads the two files and proves that a handshake can use them. Throws an error that names the file and what to do; never with text of the key.
 * Expired certificates are taken: whether to trust one is the client's decision, and serving it beats not serving.
 */
export function readCertificate(files: CertificateFiles): Certificate {
  const cert = readPem(files.cert, 'certificate')
  const key = readPem(files.key, 'private key')
  const leaf = parseLeaf(cert, files.cert)
  if (!leaf.checkPrivateKey(parseKey(key, files.key))) {
    throw new Error(`The TLS private key ${files.key} does not belong to the certificate ${files.cert}: write both files anew, from the same issue.`)
  }
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    throw new Error(`The TLS certificate ${files.cert} cannot be used (${reason(error)}): every certificate of the chain must be whole, the server's own first.`)
  }
  return { cert, key }
}

function readPem(path: string, what: string): string {
  let text: string
  try {
    const { size } = statSync(path)
    if (size > MAX_BYTES) throw new Error(`${size} bytes`)
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`The TLS ${what} ${path} cannot be read (${reason(error)}): check server.tls and the file's permissions.`)
  }
  if (!text.includes('-----BEGIN ')) throw new Error(`The TLS ${what} ${path} holds no PEM block: it must have a line that starts with "-----BEGIN".`)
  return text
}

function parseLeaf(cert: string, path: string): X509Certificate {
  try {
    return new X509Certificate(cert)
  } catch (error) {
    throw new Error(`The TLS certificate ${path} is not a PEM certificate (${reason(error)}): are cert and key swapped, or is the file cut off?`)
  }
}

function parseKey(key: string, path: string): KeyObject {
  try {
    return createPrivateKey(key)
  } catch (error) {
    const advice = key.includes('ENCRYPTED') ? 'keys with a passphrase are not supported; store it decrypted and readable to this user only' : 'are cert and key swapped, or is the file cut off?'
    throw new Error(`The TLS private key ${path} is not a PEM private key (${reason(error)}): ${advice}.`)
  }
}

/** Codes only where there are some: messages of the file system repeat the path. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
