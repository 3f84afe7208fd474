/* SPDX-License-Identifier: MIT
 *
 * Bursts of loss on a path: for a while many connections of several listeners, at best at both ends, send again what was lost,
 * and before and after hardly any does.
 *
 *     repeats of SYNs, payload and FINs, in order of time, cut where there is a pause --> bursts
 *
 * What tells a path from a listener: a full queue drops the SYNs and ACKs of one listener, a path takes from all that
 * use it, in both directions, from connections that were long accepted as from new ones. So SYNs that an overflow or
 * a full SYN queue explains do not count, nor do SYNs that reached the server and stayed without an answer, nor what
 * a flood sends.
 */
#include "classify/attempt.h"

#include "base/alloc.h"
#include "base/sorted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

static const int64_t PAUSE_NS = 1500 * MS; /* the second repeat of a timer comes within this of the first */
static const int64_t BURST_MAX_NS = 120 * SECOND;
enum { FLOWS_MIN = 8, LISTENERS_MIN = 2, FLOWS_PER_LISTENER = 2, EACH_WAY_MIN = 3, TIMES = 5 };

struct burst {
    const struct tca_repeat *repeat;
    size_t count;
    uint64_t flows, listeners, by_client, by_server, hosts;
    int64_t first_ns, last_ns;
};

static int compare_places(const void *left, const void *right)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)left,
                             *b = *(struct tca_attempt *const *)right;
    int order = tca_compare_u64(a->place, b->place);
    return order ? order : tca_compare_u64(a->frame, b->frame);
}

static int compare_clients(const void *left, const void *right)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)left,
                             *b = *(struct tca_attempt *const *)right;
    return memcmp(a->client, b->client, sizeof a->client);
}

static const struct tca_listener *listener_of(const struct tca_pressure *p, const struct tca_attempt *a)
{
    return tca_sweep_edit(p->sweep, a->capture, a->server, a->server_port);
}

/* Part of a flood: its sender repeats by plan, whatever the path does. */
static bool floods(const struct tca_listener *l, const struct tca_attempt *a)
{
    return (l->flood_kind == TCA_FLOOD_SPOOFED || l->flood_kind == TCA_FLOOD_DIRECT) &&
           tca_attempt_incomplete(a);
}

/* Its listener's queue or a flood explains it, or it got there. */
static bool excused(const struct tca_pressure *p, const struct tca_repeat *r)
{
    const struct tca_attempt *a = &p->attempt[r->attempt];
    const struct tca_listener *l = listener_of(p, a);
    bool full = a->number && p->pressed[a->number - 1].confidence[TCA_PRESS_SYNQ_FULL];
    if (full || !l || floods(l, a) || (a->flags & (TCA_TRY_STUCK | TCA_TRY_BOTH)) ||
        tca_listener_episode(l, r->time_ns, SECOND))
        return true;
    return r->syn && a->drops && tca_near_server(l->vantage);
}

static void keep_repeats(struct tca_pressure *p)
{
    size_t kept = 0;
    for (size_t at = 0; at < p->repeats; at++)
        if (!excused(p, &p->repeat[at]))
            p->repeat[kept++] = p->repeat[at];
    p->repeats = kept;
}

/* Time alone does not order the repeats of several captures. */
static int compare_keys(const void *left, const void *right)
{
    const struct tca_repeat *a = left, *b = right;
    if (a->capture != b->capture)
        return a->capture < b->capture ? -1 : 1;
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    return tca_compare_u64(a->frame, b->frame);
}

/* ---- one burst ---- */

/* The flows of a burst, each once; `hit` holds them. */
static size_t flows_of(struct tca_pressure *p, struct burst *b, struct tca_attempt **hit)
{
    uint32_t serial = ++p->serial;
    size_t count = 0;
    for (size_t at = 0; at < b->count; at++) {
        struct tca_attempt *a = &p->attempt[b->repeat[at].attempt];
        b->by_client += !b->repeat[at].server;
        b->by_server += b->repeat[at].server;
        if (tca_first_met(a, serial))
            hit[count++] = a;
    }
    return count;
}

static void count_burst(struct tca_pressure *p, struct burst *b, struct tca_attempt **hit)
{
    b->flows = flows_of(p, b, hit);
    qsort(hit, b->flows, sizeof(struct tca_attempt *), compare_clients);
    for (size_t at = 0; at < b->flows; at++)
        b->hosts += !at || compare_clients(&hit[at - 1], &hit[at]) != 0;
    qsort(hit, b->flows, sizeof(struct tca_attempt *), compare_places);
    for (size_t at = 0, end; at < b->flows; at = end) {
        for (end = at + 1; end < b->flows && hit[end]->place == hit[at]->place;)
            end++;
        b->listeners += end - at >= FLOWS_PER_LISTENER;
    }
}

/* Much denser than the rest of the capture, which must be there to compare. */
static bool stands_out(const struct burst *b, uint64_t all, int64_t span_ns)
{
    int64_t inside = b->last_ns - b->first_ns + SECOND, outside = span_ns - inside;
    if (outside < inside)
        return false;
    return (double)b->count / (double)inside >= TIMES * (double)(all - b->count) / (double)outside;
}

static bool is_burst(const struct burst *b, uint64_t all, int64_t span_ns)
{
    return b->flows >= FLOWS_MIN && b->listeners >= LISTENERS_MIN &&
           b->last_ns - b->first_ns <= BURST_MAX_NS && stands_out(b, all, span_ns);
}

/* Where one side alone repeats, that side's peer may be what failed. */
static enum tca_confidence level_of(const struct tca_listener *l, const struct burst *b)
{
    enum tca_confidence level =
        tca_press_level(l ? l->vantage : TCA_VANTAGE_UNKNOWN, TCA_PROBABLE, TCA_PROBABLE, TCA_POSSIBLE);
    return tca_lower(level, b->by_client < EACH_WAY_MIN || b->by_server < EACH_WAY_MIN);
}

static int tell_burst(struct tca_pressure *p, const struct burst *b, const struct tca_attempt *first)
{
    const struct tca_listener *l = listener_of(p, first);
    struct tca_incident in = {.id = TCA_path_loss_burst,
                              .confidence = level_of(l, b),
                              .scope = TCA_SCOPE_CAPTURE,
                              .capture = first->capture,
                              .family = first->family,
                              .first_ns = b->first_ns,
                              .last_ns = b->last_ns,
                              .flows = b->flows,
                              .peers = b->hosts,
                              .value = (int64_t)b->count,
                              .unit = "pkts"};
    for (size_t at = 0; at < b->count && in.frame_count + 1 < TCA_PROOF_MAX; at++)
        tca_incident_prove(&in, b->repeat[at].frame);
    tca_incident_prove(&in, b->repeat[b->count - 1].frame);
    char whose[48] = "all of them the clients'";
    if (b->by_server)
        snprintf(whose, sizeof whose, "%llu of them the servers'", (unsigned long long)b->by_server);
    tca_incident_say(
        &in,
        "%llu connections of %llu client%s with %llu listeners repeated %llu segments, %s: the path "
        "they share lost segments.",
        (unsigned long long)b->flows, (unsigned long long)b->hosts, b->hosts == 1 ? "" : "s",
        (unsigned long long)b->listeners, (unsigned long long)b->count, whose);
    return tca_incidents_add(p->incidents, &in);
}

/* ---- one capture ---- */

/* The bursts that were told, by capture and time; they do not overlap. */
struct told {
    struct moment {
        uint32_t capture, flows;
        int64_t first_ns, last_ns;
    } * burst; /* owned */
    size_t count, room;
};

static int keep_told(struct told *told, const struct burst *b)
{
    void *list = tca_room(told->burst, told->count, &told->room, sizeof *told->burst);
    if (!list)
        return TCA_EMEMORY;
    told->burst = list;
    told->burst[told->count++] =
        (struct moment){b->repeat->capture, (uint32_t)b->flows, b->first_ns, b->last_ns};
    return TCA_OK;
}

/* The burst around or right behind this moment; NULL if there is none. */
static const struct moment *burst_at(const struct told *told, uint32_t capture, int64_t time_ns)
{
    size_t low = 0, high = told->count;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        const struct moment *m = &told->burst[at];
        if (m->capture < capture || (m->capture == capture && m->last_ns < time_ns))
            low = at + 1;
        else
            high = at;
    }
    const struct moment *found = low < told->count ? &told->burst[low] : NULL;
    return found && found->capture == capture && found->first_ns - SECOND <= time_ns ? found : NULL;
}

/* SYNs without an answer in these moments: the path lost them, or their answer. */
static int press_lost(struct tca_pressure *p, const struct told *told)
{
    for (size_t at = 0; at < p->drops && told->count; at++) {
        const struct tca_dropped *one = &p->drop[at];
        struct tca_attempt *a = &p->attempt[one->attempt];
        const struct moment *burst = one->weak ? NULL : burst_at(told, a->capture, one->time_ns);
        const struct tca_listener *l = burst ? listener_of(p, a) : NULL;
        if (!l || tca_near_server(l->vantage))
            continue;
        int error =
            tca_press(p, a, TCA_PRESS_LOST, tca_lower(TCA_PROBABLE, l->vantage == TCA_VANTAGE_UNKNOWN));
        if (error)
            return error;
        tca_pressed_of(p, a)->others = burst->flows - 1;
    }
    return TCA_OK;
}

/* From the first connection's beginning to the last one's end. Attempts are in the order of their listeners. */
static int64_t span_of(const struct tca_pressure *p, uint32_t capture)
{
    int64_t first = INT64_MAX, last = INT64_MIN;
    size_t low = 0, high = p->attempts;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        if (p->order[at]->capture < capture)
            low = at + 1;
        else
            high = at;
    }
    for (size_t at = low; at < p->attempts && p->order[at]->capture == capture; at++) {
        first = p->order[at]->first_ns < first ? p->order[at]->first_ns : first;
        last = p->order[at]->last_ns > last ? p->order[at]->last_ns : last;
    }
    return last > first ? last - first : 0;
}

static int read_capture(struct tca_pressure *p, const struct tca_repeat *repeat, size_t count,
                        struct tca_attempt **hit, struct told *told)
{
    int64_t span = count >= FLOWS_MIN ? span_of(p, repeat->capture) : 0;
    int error = TCA_OK;
    for (size_t at = 0, end; at < count && !error; at = end) {
        for (end = at + 1; end < count && repeat[end].time_ns - repeat[end - 1].time_ns <= PAUSE_NS;)
            end++;
        struct burst b = {.repeat = repeat + at,
                          .count = end - at,
                          .first_ns = repeat[at].time_ns,
                          .last_ns = repeat[end - 1].time_ns};
        if (b.count < FLOWS_MIN)
            continue;
        count_burst(p, &b, hit);
        if (!is_burst(&b, count, span))
            continue;
        error = tell_burst(p, &b, &p->attempt[repeat[at].attempt]);
        if (!error)
            error = keep_told(told, &b);
    }
    return error;
}

static int read_captures(struct tca_pressure *p, struct tca_attempt **hit, struct told *told)
{
    int error = TCA_OK;
    qsort(p->repeat, p->repeats, sizeof *p->repeat, compare_keys);
    for (size_t at = 0, end; at < p->repeats && !error; at = end) {
        for (end = at + 1; end < p->repeats && p->repeat[end].capture == p->repeat[at].capture;)
            end++;
        error = read_capture(p, &p->repeat[at], end - at, hit, told);
    }
    return error;
}

int tca_pathloss_read(struct tca_pressure *p)
{
    keep_repeats(p);
    if (p->repeats < FLOWS_MIN)
        return TCA_OK;
    struct told told = {0};
    struct tca_attempt **hit = tca_grow(NULL, p->repeats, sizeof(struct tca_attempt *));
    int error = hit ? read_captures(p, hit, &told) : TCA_EMEMORY;
    if (!error)
        error = press_lost(p, &told);
    tca_free(hit);
    tca_free(told.burst);
    return error;
}
