/* SPDX-License-Identifier: MIT
 *
 * A table of small sets, found by the print, which is the same in every run.
 */
#include "artefact/beyond.h"

#include "base/alloc.h"

struct tca_beyond_one *tca_beyond_set(const struct tca_beyond *beyond, uint64_t print)
{
    return beyond->one[print & (TCA_BEYOND_SETS - 1)];
}

bool tca_beyond_put(struct tca_beyond *beyond, const struct tca_beyond_one *one)
{
    if (!beyond->one && !(beyond->one = tca_alloc(TCA_BEYOND_SETS * sizeof *beyond->one)))
        return false;
    struct tca_beyond_one *set = tca_beyond_set(beyond, one->print), *oldest = set;
    for (unsigned way = 0; oldest->of && way < TCA_BEYOND_WAYS; way++)
        if (!set[way].of || set[way].noted.time_ns < oldest->noted.time_ns)
            oldest = &set[way];
    *oldest = *one;
    return true;
}

void tca_beyond_done(struct tca_beyond *beyond)
{
    tca_free(beyond->one);
    beyond->one = NULL;
}
