/* SPDX-License-Identifier: MIT
 *
 * Many attempts at once at one listener: a flood, or a crowd.
 *
 *                     completed   SYNs repeated   sources
 *     flood, spoofed  none        none            many, one attempt each, or all made alike
 *     flood, direct   none        none            few, many attempts each
 *     crowd           in the end  yes             many, and what they send is served
 *
 * Of a flood only the attempts that nobody completed are looked at, and only of sources that do not repeat every
 * SYN in vain: clients do, for they want to connect, and where most do it is a path or a queue that fails them, no
 * flood. Nor are SYNs one that were dropped in silence where a SYN queue is not why: who is served at other times, or
 * comes again while the accept queue overflows, is a client that gave up and tries anew. Forged addresses of one small network come again and again, but one tool makes them all: TTL, window and
 * options are the same. A flood too slow to be dense is told where the SYN queue was full under it; one that is dense
 * but less than half of what comes, where nearly all are strangers whom the server's timer asked again in vain:
 * possible, for some of every thousand clients vanish like that, but not one of ten. That nobody
 * completes must be more than what the capture leaves out (a filter that kept SYNs alone): somebody's ACK was
 * captured, or the server's timer repeated its SYN+ACKs. A crowd is no trouble by itself: it is told where the
 * accept queue overflowed under it and where the capture shows how many came before.
 */
#include "classify/pressure/attempt.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/sort.h"
#include "base/sorted.h"

#include <stdio.h>
#include <string.h>
#include <tcpautopsy/error.h>

#define SECOND INT64_C(1000000000)

static const int64_t NARROW_NS = SECOND, WIDE_NS = 10 * SECOND; /* both windows must agree */
static const int64_t APART_NS = 5 * SECOND;
static const int64_t CROWD_AFTER_NS = 10 * SECOND; /* so long after it came its queue may overflow */
static const int64_t OLDER_MAX_NS = 8 * SECOND;    /* clients of that much patience are few */
enum { NARROW_MIN = 10, WIDE_MIN = 30, SPOOFED_SOURCES_MIN = 20, RUNGS_MIN = 3 };
enum { CROWD_MIN = 20, CROWD_SOURCES_MIN = 3, CROWD_TIMES = 3, BINS_MAX = 86400 };
enum { BASE_MIN = 3, BASE_ENOUGH = 10 }; /* used seconds beside a crowd: as many as it lasted, within these */

/* ---- a group of attempts ---- */

struct group {
    size_t from, to; /* in `one` */
    uint64_t count, sources, one_shot, alike, repeated, reset, rungs, known, dropped, all, peak, wide;
};

/* Most of them within one window. */
static uint64_t densest(struct tca_attempt *const *one, size_t count, int64_t window_ns)
{
    uint64_t most = 0;
    for (size_t from = 0, to = 0; to < count; to++) {
        while (one[to]->first_ns - one[from]->first_ns >= window_ns)
            from++;
        most = to - from + 1 > most ? to - from + 1 : most;
    }
    return most;
}

/* The first of them that is not earlier; they are in order of time. */
static size_t first_at(struct tca_attempt *const *one, size_t count, int64_t time_ns)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        if (one[at]->first_ns < time_ns)
            low = at + 1;
        else
            high = at;
    }
    return low;
}

static struct tca_digest digest_client(const void *item)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)item;
    return (struct tca_digest){a->client_host, 0};
}

/* Different addresses, and those that tried once only. `scratch` is sorted by address. */
static void count_sources(struct tca_attempt **scratch, size_t count, struct group *g)
{
    tca_sort(scratch, count, sizeof(struct tca_attempt *), digest_client, tca_order_clients);
    for (size_t at = 0, end; at < count; at = end) {
        for (end = at + 1; end < count && !tca_order_clients(&scratch[at], &scratch[end]);)
            end++;
        g->sources++;
        g->one_shot += end - at == 1 && scratch[at]->syns == 1;
    }
}

static int compare_prints(const void *left, const void *right)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)left,
                             *b = *(struct tca_attempt *const *)right;
    return tca_compare_u64(a->print, b->print);
}

static struct tca_digest digest_print(const void *item)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)item;
    return (struct tca_digest){a->print, 0};
}

/* How many of them are made in the one way that most are. */
static uint64_t count_alike(struct tca_attempt **scratch, size_t count)
{
    uint64_t most = 0;
    tca_sort(scratch, count, sizeof(struct tca_attempt *), digest_print, compare_prints);
    for (size_t at = 0, end; at < count; at = end) {
        for (end = at + 1; end < count && scratch[end]->print == scratch[at]->print;)
            end++;
        most = end - at > most ? end - at : most;
    }
    return most;
}

static struct group group_of(struct tca_attempt **one, size_t from, size_t to, struct tca_attempt **scratch)
{
    struct group g = {.from = from, .to = to, .count = to - from};
    g.peak = densest(one + from, g.count, NARROW_NS);
    g.wide = densest(one + from, g.count, WIDE_NS);
    for (size_t at = from; at < to; at++) {
        g.repeated += one[at]->syns > 1;
        g.rungs += one[at]->rungs > 0;
        g.reset += (one[at]->flags & TCA_TRY_RESET) != 0;
        g.known += (one[at]->flags & TCA_TRY_KNOWN) != 0;
    }
    memcpy(scratch, one + from, g.count * sizeof(struct tca_attempt *));
    count_sources(scratch, g.count, &g);
    g.alike = count_alike(scratch, g.count);
    return g;
}

/* ---- floods ---- */

static bool scanned(const struct tca_tries *t, const struct tca_attempt *a)
{
    return a->number && t->p->pressed[a->number - 1].confidence[TCA_PRESS_SCAN];
}

/* All attempts of the listener meanwhile. */
static uint64_t count_others(const struct tca_tries *t, int64_t first_ns, int64_t last_ns)
{
    uint64_t all = 0;
    for (size_t at = first_at(t->one, t->count, first_ns); at < t->count && t->one[at]->first_ns <= last_ns;
         at++)
        all += (t->one[at]->flags & TCA_TRY_SYN) != 0;
    return all;
}

/* Too slow to be dense, but the SYN queue was full. */
static bool is_slow(const struct tca_tries *t, const struct group *g)
{
    return g->wide < WIDE_MIN && g->count >= WIDE_MIN && t->listener->synq.max != UINT64_MAX;
}

/* Hardly an address comes twice. */
static bool is_one_shot(const struct group *g)
{
    return 5 * g->one_shot >= 4 * g->sources && 5 * g->sources >= 4 * g->count;
}

static bool is_spoofed(const struct group *g)
{
    return g->sources >= SPOOFED_SOURCES_MIN && 10 * g->repeated < g->count && 2 * g->known < g->count &&
           (is_one_shot(g) || 10 * g->alike >= 9 * g->count);
}

/* Most of what comes, and nobody tries again. */
static bool prevails(const struct group *g)
{
    return 2 * g->count >= g->all && 2 * g->repeated < g->count;
}

/* More than vanish of ordinary clients: strangers who come once and stay silent when the server asks again. */
static bool is_beside(const struct group *g)
{
    return 10 * g->count >= g->all && is_spoofed(g) && is_one_shot(g) && 10 * g->known < g->count &&
           2 * g->rungs >= g->count;
}

/* Dense in the wide window, and not checks that withdraw what was granted. Had there been ACKs, they would have been
 * captured, or the timer would not have repeated the SYN+ACK. */
static bool is_flood(const struct tca_tries *t, const struct group *g)
{
    bool shown = t->p->acks || g->rungs >= RUNGS_MIN, dense = g->wide >= WIDE_MIN || is_slow(t, g);
    return shown && dense && 2 * g->reset < g->count && (prevails(g) || is_beside(g));
}

/* Many made alike may be real hosts of one kind, many that are not a net of real ones. */
static bool is_clear(const struct group *g, bool spoofed)
{
    if (spoofed)
        return is_one_shot(g);
    return g->sources < SPOOFED_SOURCES_MIN && 4 * g->sources <= g->count;
}

/* Clients of a service that answers nobody come again and again, as one that floods does. */
static bool may_be_clients(const struct group *g, bool spoofed)
{
    return !spoofed && 2 * g->dropped > g->count;
}

static enum tca_confidence flood_level(const struct tca_tries *t, const struct group *g, bool spoofed)
{
    enum tca_confidence level =
        tca_press_level(t->listener->vantage, TCA_PROBABLE, TCA_PROBABLE, TCA_POSSIBLE);
    if (!prevails(g))
        return TCA_POSSIBLE;
    return tca_lower(level, !is_clear(g, spoofed) + (g->peak < NARROW_MIN) + may_be_clients(g, spoofed));
}

static void note_flood(struct tca_listener *l, enum tca_flood_kind kind, enum tca_confidence level,
                       const struct group *g)
{
    if (l->flood_kind != TCA_FLOOD_NONE && l->flood_peak_per_s >= g->peak)
        return;
    l->flood = (uint8_t)level;
    l->flood_kind = (uint8_t)kind;
    l->flood_peak_per_s = g->peak;
    l->flood_sources = g->sources;
}

/* " (A, B)" where they are few enough to be blocked one by one; else "". */
static void name_sources(const struct tca_pressure *p, struct tca_attempt **one, const struct group *g,
                         char *text, size_t room)
{
    enum { NAMED_MAX = 3 };
    const struct tca_attempt *named[NAMED_MAX];
    unsigned count = 0;
    struct tca_buf list = {0};
    text[0] = '\0';
    for (size_t at = g->from; at < g->to && g->sources <= NAMED_MAX && count < g->sources; at++) {
        unsigned same = 0;
        while (same < count && named[same]->client_host != one[at]->client_host)
            same++;
        if (same < count || count == NAMED_MAX)
            continue;
        tca_buf_str(&list, count ? ", " : "");
        tca_anon_ip(&list, p->anon, tca_client_of(p->hosts, one[at]), one[at]->family);
        named[count++] = one[at];
    }
    if (count && !list.failed)
        snprintf(text, room, " (%s)", tca_buf_text(&list));
    tca_buf_done(&list);
}

static int tell_flood(const struct tca_tries *t, struct tca_attempt **one, const struct group *g)
{
    struct tca_attempt *first = one[g->from], *last = one[g->to - 1];
    bool spoofed = is_spoofed(g);
    enum tca_confidence level = flood_level(t, g, spoofed);
    struct tca_incident in =
        tca_incident_of(t->listener, spoofed ? TCA_syn_flood_spoofed : TCA_syn_flood_direct, level,
                        first->first_ns, last->first_ns);
    for (size_t at = g->from; at < g->to && in.frame_count + 1 < TCA_PROOF_MAX; at++)
        tca_incident_prove(&in, one[at]->frame);
    tca_incident_prove(&in, last->frame);
    in.flows = g->count;
    in.peers = g->sources;
    in.value = (int64_t)g->peak;
    in.unit = "count";
    char from[120];
    if (spoofed)
        snprintf(from, sizeof from, "%s", is_one_shot(g) ? ", hardly one came twice" : ", all made alike");
    else
        name_sources(t->p, one, g, from, sizeof from);
    tca_incident_say(
        &in,
        "%llu SYNs of %llu address%s%s, up to %llu in one second, none of them completed; %llu %% "
        "of all attempts meanwhile.%s",
        (unsigned long long)g->count, (unsigned long long)g->sources, g->sources == 1 ? "" : "es", from,
        (unsigned long long)g->peak, (unsigned long long)(100 * g->count / g->all), tca_in_part(t->p));
    note_flood(t->listener, spoofed ? TCA_FLOOD_SPOOFED : TCA_FLOOD_DIRECT, level, g);
    return tca_incidents_add(t->p->incidents, &in);
}

/* Clients: they repeat what nothing answered. Who was answered and repeats all the same had the choice. */
static bool tries_in_vain(const struct tca_attempt *a)
{
    return a->syns > 1 && !(a->flags & TCA_TRY_ANSWERED);
}

/* Dropped in silence, and a full SYN queue is not known to be why: floods are answered. */
static bool is_dropped(const struct tca_tries *t, const struct tca_attempt *a)
{
    bool full = a->number && t->p->pressed[a->number - 1].confidence[TCA_PRESS_SYNQ_FULL];
    return a->drops && !(a->flags & TCA_TRY_ANSWERED) && !full;
}

/* All attempts of one source, with at least one that it did not complete: mark what a flood may have sent. */
static void mark_suspects(const struct tca_tries *t, struct tca_attempt **source, size_t count,
                          uint32_t serial)
{
    bool vain = true, known = false;
    uint64_t syns = 0;
    for (size_t at = 0; at < count; at++) {
        bool incomplete = tca_attempt_incomplete(source[at]) && !scanned(t, source[at]);
        vain = vain && (!incomplete || tries_in_vain(source[at]));
        known = known || (source[at]->flags & TCA_TRY_ACKED);
        syns += source[at]->syns;
    }
    for (size_t at = 0; at < count; at++) {
        struct tca_attempt *a = source[at];
        bool again = known || (syns > 1 && tca_listener_episode(t->listener, a->first_ns, SECOND));
        a->flags |= known ? TCA_TRY_KNOWN : 0u;
        if (!vain && tca_attempt_incomplete(a) && !scanned(t, a) && !(again && is_dropped(t, a)))
            a->seen = serial;
    }
}

/* The attempts that nobody completed, without those of clients; in order of time. Returns how many. */
static size_t take_suspects(const struct tca_tries *t, struct tca_attempt **one, struct tca_attempt **scratch)
{
    size_t kept = 0;
    uint32_t serial = ++t->p->serial;
    memcpy(scratch, t->one, t->count * sizeof(struct tca_attempt *));
    tca_sort(scratch, t->count, sizeof(struct tca_attempt *), digest_client, tca_order_clients);
    for (size_t at = 0, end; at < t->count; at = end) {
        for (end = at + 1; end < t->count && !tca_order_clients(&scratch[at], &scratch[end]);)
            end++;
        mark_suspects(t, scratch + at, end - at, serial);
    }
    for (size_t at = 0; at < t->count; at++)
        if (t->one[at]->seen == serial)
            one[kept++] = t->one[at];
    return kept;
}

/* Runs of attempts that nobody completed. `one` and `scratch` hold as many as the listener has attempts. */
static int find_floods(const struct tca_tries *t, struct tca_attempt **one, struct tca_attempt **scratch)
{
    size_t count = take_suspects(t, one, scratch);
    int error = TCA_OK;
    for (size_t at = 0, end; at < count && !error; at = end) {
        for (end = at + 1; end < count && one[end]->first_ns - one[end - 1]->first_ns <= APART_NS;)
            end++;
        if (end - at < WIDE_MIN)
            continue;
        struct group g = group_of(one, at, end, scratch);
        g.all = count_others(t, one[at]->first_ns, one[end - 1]->first_ns);
        for (size_t each = at; each < end; each++)
            g.dropped += is_dropped(t, one[each]);
        if (is_flood(t, &g))
            error = tell_flood(t, one, &g);
    }
    return error;
}

/* ---- crowds ---- */

/* Arrivals of one listener, second by second, from its first to its last. */
struct bins {
    uint32_t *count, *sorted; /* `bins` each */
    size_t bins;
    int64_t first_ns;
};

static int fill_bins(struct tca_attempt *const *one, size_t count, struct bins *b)
{
    b->first_ns = one[0]->first_ns;
    b->bins = (size_t)((one[count - 1]->first_ns - b->first_ns) / SECOND) + 1;
    if (b->bins > BINS_MAX)
        b->bins = BINS_MAX; /* a day: what comes later is not judged */
    b->count = tca_alloc(2 * b->bins * sizeof *b->count);
    if (!b->count)
        return TCA_EMEMORY;
    b->sorted = b->count + b->bins;
    for (size_t at = 0; at < count; at++) {
        size_t bin = (size_t)((one[at]->first_ns - b->first_ns) / SECOND);
        if (bin < b->bins)
            b->count[bin]++;
    }
    memcpy(b->sorted, b->count, b->bins * sizeof *b->count);
    tca_sort_u32(b->sorted, b->bins);
    return TCA_OK;
}

/* How many come in an ordinary second: the mean of the quieter half. */
static double usual_rate(const struct bins *b)
{
    size_t half = b->bins / 2 + 1;
    double sum = 0;
    for (size_t at = 0; at < half && at < b->bins; at++)
        sum += b->sorted[at];
    return sum / (double)(half < b->bins ? half : b->bins);
}

/* Its first drop came after the crowd, and it was not that the service had stopped: then any load fills the queue. */
static const struct tca_episode *overflow_in(const struct tca_listener *l, int64_t from_ns, int64_t to_ns)
{
    for (unsigned at = 0; at < l->episode_count; at++) {
        const struct tca_episode *e = &l->episode[at];
        bool stopped = !e->slow && e->stall_ns >= 0;
        if (!stopped && e->first_ns >= from_ns && e->first_ns <= to_ns + CROWD_AFTER_NS)
            return e;
    }
    return NULL;
}

/* They are alive: they completed, or at least tried again; and those that completed asked for something. */
static bool are_clients(struct tca_attempt *const *one, const struct group *g)
{
    uint64_t alive = 0, acked = 0, asked = 0;
    for (size_t at = g->from; at < g->to; at++) {
        alive += (one[at]->flags & TCA_TRY_ACKED) || one[at]->syns > 1;
        acked += (one[at]->flags & TCA_TRY_ACKED) != 0;
        asked += (one[at]->flags & TCA_TRY_ASKED) != 0;
    }
    return 5 * alive >= 4 * g->count && 2 * acked >= g->count && 2 * asked >= acked;
}

static int tell_crowd(const struct tca_tries *t, struct tca_attempt **one, const struct group *g,
                      const struct tca_episode *e, double before)
{
    const struct tca_attempt *first = one[g->from], *last = one[g->to - 1];
    enum tca_confidence level =
        tca_press_level(t->listener->vantage, TCA_PROBABLE, TCA_PROBABLE, TCA_POSSIBLE);
    if ((enum tca_confidence)e->confidence < level)
        level = (enum tca_confidence)e->confidence; /* no surer than the overflow */
    struct tca_incident in =
        tca_incident_of(t->listener, TCA_flash_crowd, level, first->first_ns, last->first_ns);
    tca_incident_prove(&in, first->frame);
    tca_incident_prove(&in, e->first_frame);
    if (last->frame > e->first_frame)
        tca_incident_prove(&in, last->frame);
    in.flows = g->count;
    in.peers = g->sources;
    in.value = (int64_t)g->peak;
    in.unit = "count";
    tca_incident_say(
        &in,
        "%llu connection attempts of %llu clients, up to %llu in one second where %llu.%llu are usual, "
        "and the accept queue overflowed.",
        (unsigned long long)g->count, (unsigned long long)g->sources, (unsigned long long)g->peak,
        (unsigned long long)before, (unsigned long long)(before * 10) % 10);
    note_flood(t->listener, TCA_FLOOD_CROWD, TCA_NO, g);
    return tca_incidents_add(t->p->incidents, &in);
}

/* Seconds outside the run in which somebody came. Idle ones tell nothing of how many come when the service is used. */
static size_t used_seconds(const struct bins *b, const size_t run[2])
{
    size_t used = 0;
    for (size_t at = 0; at < b->bins; at++)
        used += (at < run[0] || at >= run[1]) && b->count[at] > 0;
    return used;
}

/* So many of them are needed to say what is usual. */
static size_t base_of(size_t run)
{
    return run < BASE_MIN ? BASE_MIN : run > BASE_ENOUGH ? BASE_ENOUGH : run;
}

/* A run of busy seconds [from, to) between ordinary ones. */
static int judge_run(const struct tca_tries *t, struct tca_attempt **one, size_t count, const struct bins *b,
                     const size_t run[2], struct tca_attempt **scratch)
{
    int64_t first_ns = b->first_ns + (int64_t)run[0] * SECOND,
            end_ns = b->first_ns + (int64_t)run[1] * SECOND;
    const struct tca_episode *e = overflow_in(t->listener, first_ns, end_ns);
    size_t from = first_at(one, count, first_ns), to = first_at(one, count, end_ns);
    size_t outside = count - (to - from), seconds = e ? used_seconds(b, run) : 0;
    if (!e || to - from < CROWD_MIN || seconds < base_of(run[1] - run[0]))
        return TCA_OK;
    double before = (double)outside / (double)seconds;
    struct group g = group_of(one, from, to, scratch);
    bool more = (double)g.count / (double)(run[1] - run[0]) >= CROWD_TIMES * before;
    if (!more || g.sources < CROWD_SOURCES_MIN || !are_clients(one, &g))
        return TCA_OK;
    return tell_crowd(t, one, &g, e, before);
}

/* Its first copy in the capture may repeat an older one that lies before it: the gaps of a ladder do not shrink. */
static bool may_be_older(const struct tca_attempt *a, int64_t begin_ns)
{
    return a->again_ns >= 0 && a->first_ns - begin_ns <= a->again_ns - a->first_ns;
}

/* As long after the capture's begin such a repeat may come that was answered, and shows no gap of its own. */
static int64_t older_until(const struct tca_tries *t)
{
    int64_t gap_ns = 0;
    for (size_t at = 0; at < t->count; at++) {
        const struct tca_attempt *a = t->one[at];
        if (may_be_older(a, t->p->begin_ns) && a->again_ns - a->first_ns > gap_ns)
            gap_ns = a->again_ns - a->first_ns;
    }
    return t->p->begin_ns + (gap_ns < OLDER_MAX_NS ? gap_ns : OLDER_MAX_NS);
}

/* The attempts that are known to begin in this capture. */
static size_t take_newcomers(const struct tca_tries *t, struct tca_attempt **one)
{
    size_t count = 0;
    int64_t until_ns = older_until(t);
    for (size_t at = 0; at < t->count; at++) {
        struct tca_attempt *a = t->one[at];
        bool older = a->again_ns < 0 ? a->first_ns < until_ns : may_be_older(a, t->p->begin_ns);
        if ((a->flags & TCA_TRY_SYN) && !scanned(t, a) && !older)
            one[count++] = a;
    }
    return count;
}

static int find_crowds(const struct tca_tries *t, struct tca_attempt **one, struct tca_attempt **scratch)
{
    size_t count = take_newcomers(t, one);
    if (count < CROWD_MIN || !t->listener->episode_count)
        return TCA_OK;
    struct bins b = {0};
    int error = fill_bins(one, count, &b);
    double busy = error ? 0 : CROWD_TIMES * usual_rate(&b);
    for (size_t at = 0, end; at < b.bins && !error; at = end) {
        for (end = at; end < b.bins && b.count[end] > busy;)
            end++;
        if (end > at)
            error = judge_run(t, one, count, &b, (const size_t[2]){at, end}, scratch);
        else
            end++;
    }
    tca_free(b.count);
    return error;
}

int tca_flood_read(const struct tca_tries *t)
{
    if (t->count < CROWD_MIN)
        return TCA_OK;
    struct tca_attempt **one = tca_alloc(2 * t->count * sizeof(struct tca_attempt *));
    int error = one ? find_floods(t, one, one + t->count) : TCA_EMEMORY;
    if (!error)
        error = find_crowds(t, one, one + t->count);
    tca_free(one);
    return error;
}
