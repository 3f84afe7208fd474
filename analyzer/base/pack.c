/* SPDX-License-Identifier: MIT
 *
 * Most does not differ, so blocks are compared as a whole before their words are.
 */
#include "base/pack.h"

#include <string.h>

enum { WORD = sizeof(uint64_t), GROUP = 64, BLOCK = 16 }; /* a group and a block: of words */

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

uint8_t *tca_pack(uint8_t *out, const void *object, const void *base, size_t size)
{
    static const uint8_t zeros[GROUP * WORD];
    for (size_t at = 0; at < size; at += sizeof zeros) {
        size_t words = (size - at) / WORD;
        out = pack_group(out, (const uint8_t *)object + at, base ? (const uint8_t *)base + at : zeros,
                         words < GROUP ? words : GROUP);
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
