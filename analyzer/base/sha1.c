/* SPDX-License-Identifier: MIT
 *
 * SHA-1, straight from RFC 3174 section 6.1, and HMAC from RFC 2104. Tested by the vectors of RFC 3174 and 2202, and by those
 * of the Community ID.
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
    for (int i = 16; i < 32; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (uint32_t *four = w + 32; four < w + 80;
         four += 4) /* the same put into itself: none needs the four before it */
        for (int i = 0; i < 4; i++)
            four[i] = rotate(four[i - 6] ^ four[i - 16] ^ four[i - 28] ^ four[i - 32], 2);
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

static void begin(uint32_t h[5])
{
    static const uint32_t first[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    memcpy(h, first, sizeof first);
}

/* The last of them, behind `before` bytes in whole blocks. */
static void end(uint32_t h[5], size_t before, const uint8_t *bytes, size_t count, uint8_t ret_digest[20])
{
    uint8_t padded[2 * BLOCK] = {0};
    for (; count >= BLOCK; bytes += BLOCK, count -= BLOCK, before += BLOCK)
        block(h, bytes);
    if (count)
        memcpy(padded, bytes, count);
    padded[count] = 0x80;
    size_t blocks = count + 9 > BLOCK ? 2 : 1;
    uint64_t bits = htobe64((uint64_t)(before + count) * 8);
    memcpy(padded + blocks * BLOCK - sizeof bits, &bits, sizeof bits);
    for (size_t at = 0; at < blocks; at++)
        block(h, padded + at * BLOCK);
    for (int i = 0; i < 5; i++) {
        uint32_t word = htobe32(h[i]);
        memcpy(ret_digest + 4 * i, &word, sizeof word);
    }
}

void tca_sha1(const uint8_t *bytes, size_t count, uint8_t ret_digest[20])
{
    uint32_t h[5];
    begin(h);
    end(h, 0, bytes, count, ret_digest);
}

/* ---- HMAC: the blocks of the key are taken in once ---- */

static void take_key(uint32_t h[5], const uint8_t key[BLOCK], uint8_t pad)
{
    uint8_t padded[BLOCK];
    for (int at = 0; at < BLOCK; at++)
        padded[at] = key[at] ^ pad;
    begin(h);
    block(h, padded);
}

void tca_hmac_init(struct tca_hmac *hmac, const uint8_t *key, size_t count)
{
    uint8_t whole[BLOCK] = {0};
    if (count > BLOCK)
        tca_sha1(key, count, whole);
    else
        memcpy(whole, key, count);
    take_key(hmac->inner, whole, 0x36);
    take_key(hmac->outer, whole, 0x5c);
}

void tca_hmac_of(const struct tca_hmac *hmac, const uint8_t *bytes, size_t count, uint8_t ret_digest[20])
{
    struct tca_hmac at = *hmac;
    uint8_t inner[20];
    end(at.inner, BLOCK, bytes, count, inner);
    end(at.outer, BLOCK, inner, sizeof inner, ret_digest);
}
