/**
 * The checksum CRC-32C, Castagnoli (RFC 3720 appendix B.4). Bit by bit: it is for a header of a connection, and a table
 * would be read once. `zlib.crc32` has another polynomial.
 */

const REVERSED_POLYNOMIAL = 0x82f63b78

/** Returns 0 to 2^32 - 1. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ REVERSED_POLYNOMIAL
    }
  }
  return (crc ^ 0xffffffff) >>> 0
}
