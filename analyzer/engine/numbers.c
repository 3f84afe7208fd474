/* SPDX-License-Identifier: MIT
 *
 * Words that differ are halved until the difference is a number's.
 */
#include "engine/numbers.h"

static bool add_place(const struct tca_placing *p, size_t at, unsigned number)
{
    unsigned bytes = tca_number_width[number];
    if (p->places[number] == TCA_PLACES_MAX)
        return false;
    p->place[number][p->places[number]++] = (uint16_t)at;
    tca_number_store(p->one + at, tca_number_load(p->one + at, bytes) - p->number[number], bytes);
    return true;
}

static bool find(const struct tca_placing *p, size_t at, unsigned bytes)
{
    uint64_t moved =
        tca_number_cut(tca_number_load(p->other + at, bytes) - tca_number_load(p->one + at, bytes), bytes);
    if (!moved)
        return true;
    for (unsigned number = 0; number < p->numbers; number++)
        if (tca_number_width[number] == bytes &&
            moved == tca_number_cut(p->other_number[number] - p->number[number], bytes))
            return add_place(p, at, number);
    return bytes > 1 && find(p, at, bytes / 2) && find(p, at + bytes / 2, bytes / 2);
}

bool tca_numbers_place(const struct tca_placing *p)
{
    bool found = p->size <= UINT16_MAX;
    for (size_t at = 0; at < p->size && found; at += 8)
        found = find(p, at, 8);
    return found;
}
