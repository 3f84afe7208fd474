/* SPDX-License-Identifier: MIT
 *
 * Listeners in row order, each with the incidents that are its own. The sweep has them by address, incidents come by
 * time: both are put in order once, and then every listener finds its incidents side by side.
 */
#include "base/alloc.h"
#include "base/sorted.h"
#include "classify/count/census.h"
#include "engine/run.h"

#include <stdlib.h>

struct place {
    int64_t first_seen_ns; /* as of the listener */
    uint64_t first_frame;
    uint32_t capture;
    size_t index;               /* of all listeners */
    size_t incident, incidents; /* first of its own, and how many */
};

static int compare_incident(const struct tca_incident *one, const struct tca_listener *l)
{
    return tca_compare_places(one->capture, one->addr, one->port, l->capture, l->addr, l->port);
}

static int compare_incidents(const void *left, const void *right)
{
    const struct tca_incident *a = *(const struct tca_incident *const *)left,
                              *b = *(const struct tca_incident *const *)right;
    int order = tca_compare_places(a->capture, a->addr, a->port, b->capture, b->addr, b->port);
    return order ? order : (a > b) - (a < b); /* of one list: as they were */
}

static int compare_rows(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    int order = tca_compare_i64(a->first_seen_ns, b->first_seen_ns);
    if (!order)
        order = tca_compare_u64(a->capture, b->capture);
    if (!order)
        order = tca_compare_u64(a->first_frame, b->first_frame);
    return order ? order : tca_compare_u64(a->index, b->index);
}

static size_t told_incidents(const struct tca_session *s, const struct tca_incident **incident)
{
    size_t count = 0;
    for (size_t at = 0; at < s->incidents.count; at++) {
        const struct tca_incident *one = &s->incidents.list[at];
        if (one->scope == TCA_SCOPE_LISTENER && tca_pass2_tells(s, one))
            incident[count++] = one;
    }
    if (count)
        qsort(incident, count, sizeof *incident, compare_incidents);
    return count;
}

static void find_places(const struct tca_session *s, struct place *place, size_t count,
                        const struct tca_incident **incident)
{
    size_t told = told_incidents(s, incident), next = 0;
    for (size_t at = 0; at < count; at++) {
        struct tca_listener room;
        const struct tca_listener *l = tca_swept_listener(s, at, &room);
        place[at] = (struct place){l->first_seen_ns, l->first_frame, l->capture, .index = at};
        while (next < told && compare_incident(incident[next], l) < 0)
            next++;
        place[at].incident = next;
        while (next < told && compare_incident(incident[next], l) == 0)
            next++;
        place[at].incidents = next - place[at].incident;
    }
    if (count)
        qsort(place, count, sizeof *place, compare_rows);
}

static int tell(struct tca_session *s, const struct place *place, const struct tca_incident **incident,
                tca_listener_fn *fn, void *user)
{
    struct tca_census *census;
    struct tca_told_listener told;
    int error = tca_census_of_listeners(s, &census);
    if (error)
        return error;
    tca_pass2_listener(s, place->index, &told);
    struct tca_listener room;
    const struct tca_listener *l =
        tca_swept_listener(s, place->index, &room); /* measured, whatever is told of it */
    struct tca_peak syn_recv = tca_census_peak(census, l->capture, l->addr, l->port, TCA_SYN_RECV);
    struct tca_listener_view view = {
        .listener = l,
        .told = &told.listener,
        .capture = told.capture,
        .incident = incident + place->incident,
        .incidents = place->incidents,
        .syn_recv_peak = syn_recv.count,
        .syn_recv_peak_ns = syn_recv.count ? syn_recv.at_ns : -1,
        .close_wait_peak = tca_census_peak(census, l->capture, l->addr, l->port, TCA_CLOSE_WAIT).count,
        .time_wait_peak = tca_census_peak(census, l->capture, l->addr, l->port, TCA_TIME_WAIT).count};
    return fn(user, &view);
}

int tca_listeners_each(struct tca_session *s, tca_listener_fn *fn, void *user)
{
    size_t count = tca_swept_listeners(s);
    struct place *place = tca_alloc(count * sizeof *place);
    const struct tca_incident **incident = tca_alloc(s->incidents.count * sizeof *incident);
    int stop = place && incident ? TCA_OK : TCA_EMEMORY;
    if (!stop)
        find_places(s, place, count, incident);
    for (size_t at = 0; at < count && !stop; at++)
        stop = tell(s, &place[at], incident, fn, user);
    tca_free(incident);
    tca_free(place);
    return stop;
}
