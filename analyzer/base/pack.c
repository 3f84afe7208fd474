/* SPDX-License-Identifier: MIT
 *
 * Zeros stand in stretches, but where they begin and end nobody foretells: so what is all zeros is passed by in blocks of four
 * units, and in the others each unit is written, and the next one over it if it was zero.
 */
#include "base/pack.h"

#include <stdbool.h>
#include <string.h>

enum { WORD = sizeof(uint64_t), GROUP = 64 }; /* so many of what has a bit */

static inline uint64_t word_at(const uint8_t *bytes, size_t at)
{
    uint64_t word;
    memcpy(&word, bytes + at * WORD, WORD);
    return word;
}

/* ---- zeros ---- */

enum { UNIT = 2 * WORD, FOUR = 4 };

static inline bool is_zero(const uint8_t *units, size_t count)
{
    uint64_t any = 0;
    for (size_t at = 0; at < count * UNIT / WORD; at++)
        any |= word_at(units, at);
    return !any;
}

static inline uint8_t *squeeze_unit(uint8_t *out, const uint8_t *unit, size_t at, uint64_t *bits)
{
    bool is = !is_zero(unit, 1);
    memcpy(out, unit, UNIT);
    *bits |= (uint64_t)is << at;
    return out + UNIT * is;
}

static uint8_t *squeeze_group(uint8_t *out, const uint8_t *object, size_t size)
{
    uint64_t bits = 0;
    uint8_t *begin = out;
    size_t at = 0, units = size / UNIT;
    out += sizeof bits;
    for (; at + FOUR <= units; at += FOUR) {
        const uint8_t *unit = object + at * UNIT;
        if (is_zero(unit, FOUR))
            continue;
        out = squeeze_unit(out, unit, at, &bits);
        out = squeeze_unit(out, unit + UNIT, at + 1, &bits);
        out = squeeze_unit(out, unit + 2 * UNIT, at + 2, &bits);
        out = squeeze_unit(out, unit + 3 * UNIT, at + 3, &bits);
    }
    for (; at < units; at++)
        out = squeeze_unit(out, object + at * UNIT, at, &bits);
    if (size % UNIT) {
        uint64_t half[UNIT / WORD] = {word_at(object, at * UNIT / WORD)};
        out = squeeze_unit(out, (const uint8_t *)half, at, &bits);
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

/* So many units, the last of which may be half an object's end. */
static const uint8_t *spread_units(const uint8_t *in, uint8_t *to, size_t count, const uint8_t *end)
{
    size_t bytes = count * UNIT, whole = bytes - (to + bytes > end ? UNIT : 0);
    for (size_t at = 0; at < whole; at += UNIT)
        memcpy(to + at, in + at, UNIT);
    if (whole < bytes)
        memcpy(to + whole, in + whole, WORD);
    return in + bytes;
}

/* Units that are there stand in runs. */
const uint8_t *tca_spread(const uint8_t *in, void *object, size_t size)
{
    enum { BYTES = GROUP * UNIT };
    const uint8_t *end = (uint8_t *)object + size;
    for (uint8_t *group = object; group < end; group += BYTES) {
        uint64_t bits;
        uint8_t *to = group;
        memcpy(&bits, in, sizeof bits);
        in += sizeof bits;
        while (bits) {
            unsigned skip = (unsigned)__builtin_ctzll(bits);
            bits >>= skip;
            unsigned run = ~bits ? (unsigned)__builtin_ctzll(~bits) : GROUP;
            bits = run < GROUP ? bits >> run : 0;
            to += (size_t)skip * UNIT;
            in = spread_units(in, to, run, end);
            to += (size_t)run * UNIT;
        }
    }
    return in;
}

/* ---- differences ---- */

enum { BLOCK = 16 }; /* words that are compared at once, since most are equal */

static uint8_t *differ_block(uint8_t *out, const uint8_t *object, const uint8_t *base, size_t at, size_t end,
                             uint64_t *bits)
{
    for (; at < end; at++) {
        uint64_t differs = word_at(object, at) ^ word_at(base, at);
        if (!differs)
            continue;
        *bits |= UINT64_C(1) << at;
        memcpy(out, &differs, WORD);
        out += WORD;
    }
    return out;
}

static uint8_t *differ_group(uint8_t *out, const uint8_t *object, const uint8_t *base, size_t words)
{
    uint64_t bits = 0;
    uint8_t *begin = out;
    out += sizeof bits;
    for (size_t at = 0, end; at < words; at = end) {
        end = at + BLOCK < words ? at + BLOCK : words;
        if (memcmp(object + at * WORD, base + at * WORD, (end - at) * WORD) != 0)
            out = differ_block(out, object, base, at, end, &bits);
    }
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
