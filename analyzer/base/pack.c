/* SPDX-License-Identifier: MIT
 *
 * Zeros, and what is equal, stand in stretches, so they are passed by in blocks of four units or words.
 */
#include "base/pack.h"

#include <stdbool.h>
#include <string.h>

enum { WORD = sizeof(uint64_t), GROUP = 64, FOUR = 4 }; /* GROUP: so many of what has a bit */

static inline uint64_t word_at(const uint8_t *bytes, size_t at)
{
    uint64_t word;
    memcpy(&word, bytes + at * WORD, WORD);
    return word;
}

/* ---- zeros ---- */

enum { UNIT = 2 * WORD };

static inline uint64_t any_of(const uint8_t *unit)
{
    return word_at(unit, 0) | word_at(unit, 1);
}

static inline uint8_t *squeeze_unit(uint8_t *out, const uint8_t *unit, uint64_t *bits, unsigned at)
{
    if (!any_of(unit))
        return out;
    *bits |= UINT64_C(1) << at;
    memcpy(out, unit, UNIT);
    return out + UNIT;
}

static uint8_t *squeeze_group(uint8_t *out, const uint8_t *object, size_t size)
{
    uint64_t bits = 0;
    uint8_t *begin = out;
    unsigned at = 0, units = (unsigned)(size / UNIT);
    out += sizeof bits;
    for (; at + FOUR <= units; at += FOUR) {
        const uint8_t *four = object + at * UNIT;
        if (!(any_of(four) | any_of(four + UNIT) | any_of(four + 2 * UNIT) | any_of(four + 3 * UNIT)))
            continue;
        out = squeeze_unit(out, four, &bits, at);
        out = squeeze_unit(out, four + UNIT, &bits, at + 1);
        out = squeeze_unit(out, four + 2 * UNIT, &bits, at + 2);
        out = squeeze_unit(out, four + 3 * UNIT, &bits, at + 3);
    }
    for (; at < units; at++)
        out = squeeze_unit(out, object + at * UNIT, &bits, at);
    if (size % UNIT) {
        const uint64_t half[UNIT / WORD] = {word_at(object, units * UNIT / WORD)};
        out = squeeze_unit(out, (const uint8_t *)half, &bits, units);
    }
    memcpy(begin, &bits, sizeof bits);
    return out;
}

uint8_t *tca_squeeze(uint8_t *out, const void *object, size_t size)
{
    enum { BYTES = GROUP * UNIT };
    const uint8_t *from = object, *end = from + size;
    for (; from < end; from += BYTES)
        out = squeeze_group(out, from, end - from < BYTES ? (size_t)(end - from) : BYTES);
    return out;
}

/* The last unit of an object may be half of one. */
const uint8_t *tca_spread(const uint8_t *in, void *object, size_t size)
{
    enum { BYTES = GROUP * UNIT };
    for (uint8_t *to = object, *end = to + size; to < end; to += BYTES) {
        uint64_t bits, half = 0;
        size_t left = (size_t)(end - to);
        memcpy(&bits, in, sizeof bits);
        in += sizeof bits;
        if (left < BYTES && left % UNIT)
            half = bits & UINT64_C(1) << left / UNIT;
        for (bits ^= half; bits; bits &= bits - 1, in += UNIT)
            memcpy(to + UNIT * (size_t)__builtin_ctzll(bits), in, UNIT);
        if (half)
            memcpy(end - WORD, in, WORD);
        in += half ? UNIT : 0;
    }
    return in;
}

const uint8_t *tca_spread_end(const uint8_t *in, const uint8_t *end, size_t size)
{
    enum { BYTES = GROUP * UNIT };
    for (size_t at = 0; at < size; at += BYTES) {
        uint64_t bits;
        size_t left = size - at, units = (left + UNIT - 1) / UNIT;
        if ((size_t)(end - in) < sizeof bits)
            return NULL;
        memcpy(&bits, in, sizeof bits);
        in += sizeof bits;
        if (units < GROUP && bits >> units)
            return NULL;
        size_t taken = (size_t)__builtin_popcountll(bits) * UNIT;
        if ((size_t)(end - in) < taken)
            return NULL;
        in += taken;
    }
    return in;
}

/* ---- differences ---- */

static inline uint64_t differs_at(const uint8_t *object, const uint8_t *base, size_t at)
{
    return word_at(object, at) ^ word_at(base, at);
}

static inline uint8_t *differ_word(uint8_t *out, uint64_t differs, uint64_t *bits, size_t at)
{
    if (!differs)
        return out;
    *bits |= UINT64_C(1) << at;
    memcpy(out, &differs, WORD);
    return out + WORD;
}

static uint8_t *differ_group(uint8_t *out, const uint8_t *object, const uint8_t *base, size_t words)
{
    uint64_t bits = 0;
    uint8_t *begin = out;
    size_t at = 0;
    out += sizeof bits;
    for (; at + FOUR <= words; at += FOUR) {
        const uint64_t a = differs_at(object, base, at), b = differs_at(object, base, at + 1);
        const uint64_t c = differs_at(object, base, at + 2), d = differs_at(object, base, at + 3);
        if (!(a | b | c | d))
            continue;
        out = differ_word(out, a, &bits, at);
        out = differ_word(out, b, &bits, at + 1);
        out = differ_word(out, c, &bits, at + 2);
        out = differ_word(out, d, &bits, at + 3);
    }
    for (; at < words; at++)
        out = differ_word(out, differs_at(object, base, at), &bits, at);
    memcpy(begin, &bits, sizeof bits);
    return out;
}

uint8_t *tca_differ(uint8_t *out, const void *object, const void *base, size_t size)
{
    for (size_t at = 0; at < size; at += (size_t)GROUP * WORD) {
        size_t words = (size - at) / WORD;
        out = differ_group(out, (const uint8_t *)object + at, (const uint8_t *)base + at,
                           words < GROUP ? words : GROUP);
    }
    return out;
}

const uint8_t *tca_agree(const uint8_t *in, void *object, size_t size)
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
