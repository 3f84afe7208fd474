/* SPDX-License-Identifier: MIT
 *
 * Where the capture was taken, as each pair of hosts shows it. Part of the sweep over hosts (host.h), which holds one of
 * these.
 */
#ifndef TCA_CLASSIFY_PLACE_H
#define TCA_CLASSIFY_PLACE_H

#include "classify/read/dossier.h"
#include "classify/sweep/listener.h"

struct tca_place {
    uint32_t host[2]; /* the lower one first */
    bool near[2], middle, shown;
    bool proved; /* near an end by more than round trips */
};

/* All zero at first. */
struct tca_places {
    struct tca_pair *pair; /* owned: one per connection that tells, until run */
    size_t pairs, pair_room;
    struct tca_place *place; /* owned: one per pair of hosts, sorted */
    size_t places;
};

int tca_places_add(struct tca_places *places, const struct tca_dossier *d); /* 0 or TCA_EMEMORY */
/* `rank`: of each host its number from now on. */
int tca_places_run(struct tca_places *places, const uint32_t *rank);
/* UNKNOWN where that is too little. */
enum tca_vantage tca_places_vantage(const struct tca_places *places, const struct tca_dossier *d);
void tca_places_done(struct tca_places *places);

/* More than stray segments of somebody else. */
static inline bool tca_prevails(uint64_t count, uint64_t against)
{
    enum { ODD_SHARE = 20 }; /* one contrary segment in so many is somebody else's */
    return count > 0 && against * ODD_SHARE <= count;
}

#endif
