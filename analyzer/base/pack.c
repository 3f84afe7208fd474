/* SPDX-License-Identifier: MIT
 *
 * Most does not differ, so blocks are compared as a whole before their words are.
 */
#include "base/pack.h"

#include <string.h>

enum { WORD = sizeof(uint64_t), GROUP = 64, BLOCK = 16, FEW = 8 }; /* a group, a block, a few: of words */

static uint64_t word_at(const uint8_t *bytes, size_t at)
{
    uint64_t word;
    memcpy(&word, bytes + at * WORD, WORD);
    return word;
}

static uint8_t *pack_word(uint8_t *out, const uint8_t *object, const uint8_t *base, size_t at, uint64_t *bits)
{
    uint64_t differs = word_at(object, at) ^ word_at(base, at);
    if (!differs)
        return out;
    *bits |= UINT64_C(1) << at;
    memcpy(out, &differs, WORD);
    return out + WORD;
}

static uint8_t *pack_group(uint8_t *out, const uint8_t *object, const uint8_t *base, size_t words)
{
    uint64_t bits = 0;
    uint8_t *begin = out;
    out += sizeof bits;
    for (size_t at = 0, end; at < words; at = end) {
        end = at + BLOCK < words ? at + BLOCK : words;
        if (memcmp(object + at * WORD, base + at * WORD, (end - at) * WORD) != 0)
            for (; at < end; at++)
                out = pack_word(out, object, base, at, &bits);
    }
    memcpy(begin, &bits, sizeof bits);
    return out;
}

/* Against zeros, without a branch for each word: it is written, and if it was zero the next one over it. */
static inline uint8_t *keep_word(uint8_t *out, uint64_t word, unsigned at, uint64_t *bits)
{
    uint64_t kept = word != 0;
    memcpy(out, &word, WORD);
    *bits |= kept << at;
    return out + WORD * kept;
}

static inline uint8_t *keep_few(uint8_t *out, const uint8_t *object, size_t from, uint64_t *ret_bits)
{
    uint64_t word[FEW], any = 0, bits = 0;
    memcpy(word, object + from * WORD, sizeof word);
    for (unsigned at = 0; at < FEW; at++)
        any |= word[at];
    if (!any)
        return out;
    for (unsigned at = 0; at < FEW; at++)
        out = keep_word(out, word[at], at, &bits);
    *ret_bits |= bits << from;
    return out;
}

static uint8_t *pack_plain_group(uint8_t *out, const uint8_t *object, size_t words)
{
    uint64_t bits = 0;
    uint8_t *begin = out;
    size_t at = 0;
    out += sizeof bits;
    for (; at + FEW <= words; at += FEW)
        out = keep_few(out, object, at, &bits);
    for (; at < words; at++)
        out = keep_word(out, word_at(object, at), (unsigned)at, &bits);
    memcpy(begin, &bits, sizeof bits);
    return out;
}

uint8_t *tca_pack(uint8_t *out, const void *object, const void *base, size_t size)
{
    const uint8_t *from = object, *other = base;
    for (size_t at = 0, words; at < size; at += words * WORD) {
        words = (size - at) / WORD;
        words = words < GROUP ? words : GROUP;
        out = base ? pack_group(out, from + at, other + at, words) : pack_plain_group(out, from + at, words);
    }
    return out;
}

const uint8_t *tca_unpack(const uint8_t *in, void *object, size_t size)
{
    for (uint8_t *to = object, *end = to + size; to < end; to += (size_t)GROUP * WORD) {
        uint64_t bits, differs, word;
        memcpy(&bits, in, sizeof bits);
        in += sizeof bits;
        for (; bits; bits &= bits - 1, in += WORD) {
            uint8_t *place = to + WORD * (size_t)__builtin_ctzll(bits);
            memcpy(&word, place, WORD);
            memcpy(&differs, in, WORD);
            word ^= differs;
            memcpy(place, &word, WORD);
        }
    }
    return in;
}
