/* SPDX-License-Identifier: MIT
 *
 * SHA-1 over one or two blocks, straight from RFC 3174 section 6.1. Tested by the Community ID's published
 * vectors.
 */
#include "base/sha1.h"

#include <endian.h>
#include <string.h>

enum { BLOCK = 64 };

static uint32_t rotate(uint32_t x, int by)
{
    return x << by | x >> (32 - by);
}

/* What each twenty rounds do with b, c and d, in forms of one step less than those of the RFC. */
#define CHOOSE(b, c, d)   ((d) ^ ((b) & ((c) ^ (d))))
#define PARITY(b, c, d)   ((b) ^ (c) ^ (d))
#define MAJORITY(b, c, d) (((b) & (c)) | ((d) & ((b) | (c))))

/* One round; the names move on instead of the values: e becomes the next a, and b turns. */
#define ROUND(mix, constant, a, b, c, d, e, word)                                                            \
    ((e) += rotate(a, 5) + mix(b, c, d) + (constant) + (word), (b) = rotate(b, 30))

/* Twenty rounds, five at a time, after which the names are where they were. */
#define ROUNDS(mix, constant, w)                                                                             \
    for (const uint32_t *word = (w); word < (w) + 20; word += 5) {                                           \
        ROUND(mix, constant, a, b, c, d, e, word[0]);                                                        \
        ROUND(mix, constant, e, a, b, c, d, word[1]);                                                        \
        ROUND(mix, constant, d, e, a, b, c, word[2]);                                                        \
        ROUND(mix, constant, c, d, e, a, b, word[3]);                                                        \
        ROUND(mix, constant, b, c, d, e, a, word[4]);                                                        \
    }

static uint32_t word_at(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return be32toh(word);
}

static void block(uint32_t h[5], const uint8_t *at)
{
    uint32_t w[80];
    for (int i = 0; i < 16; i++)
        w[i] = word_at(at + 4 * i);
    for (int i = 16; i < 80; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    ROUNDS(CHOOSE, 0x5A827999, w)
    ROUNDS(PARITY, 0x6ED9EBA1, w + 20)
    ROUNDS(MAJORITY, 0x8F1BBCDC, w + 40)
    ROUNDS(PARITY, 0xCA62C1D6, w + 60)
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

void tca_sha1(const uint8_t *bytes, size_t count, uint8_t ret_digest[20])
{
    uint8_t padded[2 * BLOCK] = {0};
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    if (count > TCA_SHA1_MAX)
        count = TCA_SHA1_MAX;
    memcpy(padded, bytes, count);
    padded[count] = 0x80;
    size_t blocks = count + 9 > BLOCK ? 2 : 1;
    padded[blocks * BLOCK - 2] = (uint8_t)(count * 8 >> 8);
    padded[blocks * BLOCK - 1] = (uint8_t)(count * 8);
    for (size_t at = 0; at < blocks; at++)
        block(h, padded + at * BLOCK);
    for (int i = 0; i < 5; i++) {
        uint32_t word = htobe32(h[i]);
        memcpy(ret_digest + 4 * i, &word, sizeof word);
    }
}
