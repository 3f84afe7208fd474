/* SPDX-License-Identifier: MIT
 *
 * Times out of order move nothing but the earliest: quiet is what lies between the newest record so far and a newer one.
 */
#include "capture/look.h"

/* A record without a time bears that of a neighbour, or none at all. */
static void look_at(struct tca_look *look, const struct tca_record *record, size_t count)
{
    bool timed = look->quiet_ns >= 0;
    for (size_t at = 0; at < count; at++) {
        int64_t now = record[at].time_ns;
        if (record[at].timeless)
            continue;
        if (!timed) {
            look->first_ns = look->last_ns = now;
            look->quiet_ns = 0;
            timed = true;
        } else if (now > look->last_ns) {
            int64_t quiet = tca_time_between(look->last_ns, now);
            look->quiet_ns = quiet > look->quiet_ns ? quiet : look->quiet_ns;
            look->last_ns = now;
        } else if (now < look->first_ns) {
            look->first_ns = now;
        }
    }
    look->packets += count;
}

int tca_look(struct tca_source *source, tca_look_fn *fn, void *user, struct tca_look *ret)
{
    struct tca_look look = {.first_ns = -1, .last_ns = -1, .quiet_ns = -1};
    const struct tca_record *record;
    int got;
    while ((got = tca_source_next(source, &record)) > 0) {
        look_at(&look, record, (size_t)got);
        if (fn)
            fn(user, record, (size_t)got);
    }
    if (got == TCA_EMEMORY)
        return got;
    const struct tca_source_facts *facts = tca_source_facts(source);
    look.link = facts->links ? facts->link[0] : -1;
    look.links = facts->links;
    look.is_capture = facts->links || look.packets || facts->status == TCA_SOURCE_ok;
    look.bytes = facts->bytes;
    *ret = look;
    return TCA_OK;
}
