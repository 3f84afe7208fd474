/* SPDX-License-Identifier: MIT
 *
 * SHA-1 over one or two blocks, straight from RFC 3174 section 6.1. Tested by the Community ID's published
 * vectors.
 */
#include "base/sha1.h"

#include <string.h>

enum { BLOCK = 64 };

static uint32_t rotate(uint32_t x, int by)
{
    return x << by | x >> (32 - by);
}

static uint32_t mix(int round, uint32_t b, uint32_t c, uint32_t d)
{
    static const uint32_t constant[4] = {0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6};
    uint32_t f = round < 20                  ? (b & c) | (~b & d)
                 : round >= 40 && round < 60 ? (b & c) | (b & d) | (c & d)
                                             : b ^ c ^ d;
    return f + constant[round / 20];
}

static void block(uint32_t h[5], const uint8_t *at)
{
    uint32_t w[80];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)at[4 * i] << 24 | (uint32_t)at[4 * i + 1] << 16 | (uint32_t)at[4 * i + 2] << 8 |
               at[4 * i + 3];
    for (int i = 16; i < 80; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 80; i++) {
        uint32_t next = rotate(a, 5) + mix(i, b, c, d) + e + w[i];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
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
    for (int i = 0; i < 20; i++)
        ret_digest[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}
