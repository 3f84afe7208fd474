/* SPDX-License-Identifier: MIT
 *
 * Looking things up in a dossier. Marks are few (at most TCA_MARKS_MAX) and sorted by frame, so a walk is
 * enough.
 */
#include "classify/dossier.h"

#include <stddef.h>

static bool matches(const struct tca_mark *mark, uint32_t roles, int side)
{
    return (mark->roles & roles) && !mark->witness && (side < 0 || mark->side == side);
}

const struct tca_mark *tca_dossier_mark(const struct tca_dossier *d, uint32_t roles, int side, unsigned n)
{
    for (unsigned at = 0; at < d->mark_count; at++)
        if (matches(&d->mark[at], roles, side) && n-- == 0)
            return &d->mark[at];
    return NULL;
}

const struct tca_mark *tca_dossier_last(const struct tca_dossier *d, uint32_t roles, int side)
{
    for (unsigned at = d->mark_count; at-- > 0;)
        if (matches(&d->mark[at], roles, side))
            return &d->mark[at];
    return NULL;
}

unsigned tca_dossier_count(const struct tca_dossier *d, uint32_t roles, int side)
{
    unsigned count = 0;
    for (unsigned at = 0; at < d->mark_count; at++)
        count += matches(&d->mark[at], roles, side);
    return count;
}
