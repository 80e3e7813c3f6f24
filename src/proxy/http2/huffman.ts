/** The Huffman code of HPACK (RFC 7541 section 5.2 and appendix B), decoded bit by bit: strings are short and rare. */

/** Bits of the code of each byte. The codes are canonical: by length, then by byte. */
const CODE_BITS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5,
  6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6,
  7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23,
  23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22,
  22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22,
  23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27,
  27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25,
  24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
]
const LONGEST_BITS = 30
/** The shortest code has so many bits: a string is at most 8/5 of its code. */
export const SHORTEST_BITS = 5

/** Two entries a node, for bit 0 and 1: a node's number, or a leaf as -1 - byte; 0 for what is no code. */
const TREE: Int16Array = buildTree()

function buildTree(): Int16Array {
  const tree = new Int16Array(2 * 256)
  let nodeCount = 1
  let code = 0
  for (let bits = SHORTEST_BITS; bits <= LONGEST_BITS; bits++) {
    for (let byte = 0; byte < CODE_BITS.length; byte++) {
      if (CODE_BITS[byte] !== bits) continue
      let node = 0
      for (let bit = bits - 1; bit > 0; bit--) {
        const place = 2 * node + ((code >>> bit) & 1)
        if (tree[place] === 0) tree[place] = nodeCount++
        node = tree[place]!
      }
      tree[2 * node + (code & 1)] = -1 - byte
      code++
    }
    code *= 2
  }
  return tree
}

/** Decodes into `to` and returns how many bytes that are, or -1. What pads the last byte is not looked at. */
export function decodeHuffman(
  bytes: Uint8Array,
  { start, end, to }: { start: number; end: number; to: Uint8Array },
): number {
  let count = 0
  let node = 0
  for (let at = start; at < end; at++) {
    for (let bit = 7; bit >= 0; bit--) {
      const next = TREE[2 * node + ((bytes[at]! >>> bit) & 1)]!
      if (next === 0) return -1
      if (next < 0) to[count++] = -1 - next
      node = Math.max(0, next)
    }
  }
  return count
}
