/* SPDX-License-Identifier: MIT
 *
 * Taking dossiers in: one attempt each, the SYNs that nothing answered, and what was sent again.
 *
 * Who asked is the client of a connection whose SYN was seen. Of a flow without one (a probe by FIN, ACK or nothing)
 * it is the end that did not reset.
 */
#include "classify/pressure/attempt.h"

#include "base/alloc.h"
#include "classify/read/cookie.h"
#include "classify/read/rungs.h"

#include <string.h>
#include <tcpautopsy/error.h>

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

static const int64_t ANSWER_NS =
    100 * MS;                             /* an answer slower than this, and than four round trips, is none */
static const int64_t TIMER_NS = 150 * MS; /* no retransmission timer is shorter, 200 ms less its jitter */
enum {
    FRESH_MIN = -2,
    PROBE_PKTS = 3,
    VAIN_COPIES = 2, /* besides the first */
    VAIN_BYTES = 536 /* what every link carries (RFC 9293 section 3.7.1) */
};

static uint32_t clip(uint64_t count)
{
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

static int64_t end_of(const struct tca_dossier *d)
{
    return d->m.end_ns >= 0 ? d->m.end_ns : d->capture_end_ns;
}

/* ---- probes without a SYN ---- */

static enum tca_scan_kind kind_of_flags(uint16_t flags)
{
    switch (flags & (TCA_SYN | TCA_ACK | TCA_FIN | TCA_PSH | TCA_URG | TCA_RST)) {
    case 0:
        return TCA_SCAN_NULL;
    case TCA_FIN:
        return TCA_SCAN_FIN;
    case TCA_FIN | TCA_PSH | TCA_URG:
        return TCA_SCAN_XMAS;
    case TCA_ACK:
        return TCA_SCAN_ACK;
    default:
        return TCA_SCAN_NONE;
    }
}

static bool only_resets(const struct tca_side *side)
{
    return side->pkts == side->rst_count;
}

/* The end that probes; -1: it is an ordinary connection, or both ends sent something else than RST. */
static int prober(const struct tca_mirror *m)
{
    for (int role = 0; role < 2; role++) {
        const struct tca_side *one = &m->side[role], *other = &m->side[1 - role];
        if (one->pkts && one->pkts <= PROBE_PKTS && !one->rst_count && !one->bytes && only_resets(other))
            return role;
    }
    return -1;
}

static enum tca_scan_kind kind_of_probe(const struct tca_dossier *d, int role)
{
    const struct tca_mark *last = tca_dossier_last(d, TCA_MARK_LAST, role);
    return last ? kind_of_flags(last->flags) : TCA_SCAN_NONE;
}

/* ---- the SYN and its answers ---- */

/* Bits of one SYN that a TCP repeats from connection to connection: TTL, window, MSS, scale, which options. */
static uint64_t print_of(const struct tca_mark *syn, const struct tca_side *client)
{
    uint64_t options = (client->sack_ok ? 1u : 0) | (syn->has_ts ? 2u : 0) | (client->has_wscale ? 4u : 0);
    uint64_t print = (uint64_t)syn->ttl << 48 | (uint64_t)syn->window << 32;
    return print | (uint64_t)(client->has_mss ? client->mss : 0) << 16 |
           (uint64_t)(client->wscale & 15) << 8 | options;
}

/* When the child left the SYN queue; false: it did not. */
static bool child_of(const struct tca_mirror *m, int64_t *ret_ns)
{
    const struct tca_side *server = &m->side[TCA_SERVER];
    *ret_ns = m->child_ns;
    if (m->child_proved)
        return m->child_ns >= 0;
    for (unsigned at = 0; at < server->step_count; at++)
        if (server->step[at].state == TCA_ESTABLISHED) {
            *ret_ns = server->step[at].time_ns;
            return true;
        }
    return false;
}

/* The server's first RST behind its SYN+ACK: by then there is no request (tcp_abort_on_overflow, or it was forgotten before).
 * INT64_MAX: there is none. */
static int64_t server_reset_ns(const struct tca_dossier *d, const struct tca_ladder *l)
{
    const struct tca_mark *rst;
    for (unsigned n = 0; (rst = tca_dossier_mark(d, TCA_MARK_RST, TCA_SERVER, (int)n)) != NULL; n++)
        if (l->first && rst->frame > l->first->frame)
            return rst->time_ns;
    return INT64_MAX;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* What makes a child is an ACK that the accept queue may have refused: it is there for sure once the server's own segments show it.
 * INT64_MAX: they never do. */
static int64_t shown_ns(const struct tca_dossier *d)
{
    const struct tca_mark *child = tca_dossier_mark(d, TCA_MARK_CHILD, TCA_SERVER, 0);
    return child ? child->time_ns : INT64_MAX;
}

/* The request's end: a child, a RST, or its timer. */
static void time_request(const struct tca_dossier *d, const struct tca_ladder *l, struct tca_attempt *a)
{
    const struct tca_mark *rst = tca_dossier_mark(d, TCA_MARK_RST, TCA_CLIENT, 0);
    int64_t child_ns, expiry = tca_ladder_expiry_ns(d, l), wait = l->last ? expiry - l->last->time_ns : 0;
    bool child = child_of(&d->m, &child_ns);
    a->gone_ns = a->gone_late_ns = INT64_MAX;
    if (!child && (a->flags & TCA_TRY_RESET)) {
        a->gone_ns = a->gone_late_ns = rst->time_ns;
    } else if (l->last) {
        int64_t ended_ns = earlier(server_reset_ns(d, l), shown_ns(d));
        a->gone_late_ns = earlier(expiry + wait / 8 + SECOND / 10, ended_ns);
        a->gone_ns =
            earlier(expiry - wait / 9, ended_ns); /* the repeat it is measured by may be an eighth late */
        a->gone_ns = child ? earlier(a->gone_ns, child_ns) : a->gone_ns;
    } else if (child) {
        a->gone_ns = a->gone_late_ns = child_ns;
    }
}

/* By what its timestamps say of the server's clock. */
static enum tca_cookie_word word_of_clock(const struct tca_dossier *d, const struct tca_ladder *l)
{
    int64_t lag;
    if (!tca_cookie_lag(d, l->last, &lag))
        return TCA_WORD_MAYBE;
    if (lag >= TCA_COOKIE_SKEW_MIN && lag <= TCA_COOKIE_SKEW_MAX)
        return TCA_WORD_LAG;
    return lag >= FRESH_MIN && lag < TCA_COOKIE_SKEW_MIN ? TCA_WORD_FRESH : TCA_WORD_ODD;
}

static enum tca_cookie_word word_of(const struct tca_dossier *d, const struct tca_ladder *l,
                                    const struct tca_attempt *a)
{
    const struct tca_mark *syn = tca_dossier_mark(d, TCA_MARK_SYN, TCA_CLIENT, 0);
    if (!l->first)
        return TCA_WORD_NONE;
    if (l->rungs)
        return TCA_WORD_REQUEST;
    if (tca_cookie_options_withheld(&d->m, syn, l->first))
        return TCA_WORD_OPTIONS;
    if (!l->first->has_ts && (a->flags & TCA_TRY_OPTIONS) && !(d->m.damage & TCA_DAMAGE_SNAPLEN))
        return TCA_WORD_REQUEST; /* without timestamps a cookie has no room for them */
    bool silent = !(a->flags & (TCA_TRY_ACKED | TCA_TRY_RESET));
    if (silent && a->until_ns - l->last->time_ns >= TCA_ATTEMPT_WATCHED_NS)
        return TCA_WORD_SILENT;
    enum tca_cookie_word word = word_of_clock(d, l);
    return word == TCA_WORD_MAYBE && (d->m.damage & TCA_DAMAGE_SNAPLEN) ? TCA_WORD_UNREAD : word;
}

static uint32_t flags_of(const struct tca_dossier *d, const struct tca_ladder *l)
{
    const struct tca_mirror *m = &d->m;
    const struct tca_side *client = &m->side[TCA_CLIENT], *server = &m->side[TCA_SERVER];
    const struct tca_mark *syn = tca_dossier_mark(d, TCA_MARK_SYN, TCA_CLIENT, 0);
    uint8_t before = m->prior.state[TCA_SERVER];
    int64_t ns;
    bool acked = client->pkts > client->syn_count + client->rst_count;
    const struct {
        bool holds;
        uint32_t flag;
    } rows[] = {
        {client->syn_count > 0, TCA_TRY_SYN},
        {server->synack_count > 0, TCA_TRY_ANSWERED},
        {acked, TCA_TRY_ACKED},
        {server->synack_count > 0 && child_of(m, &ns), TCA_TRY_CHILD},
        {!server->synack_count && server->rst_count > 0, TCA_TRY_REFUSED},
        {server->synack_count > 0 && client->rst_count > 0 && !acked, TCA_TRY_RESET},
        {client->first_data_ns >= 0, TCA_TRY_ASKED},
        {server->first_data_ns >= 0, TCA_TRY_SERVED},
        {tca_dossier_mark(d, TCA_MARK_ICMP, -1, 0) != NULL, TCA_TRY_ICMP},
        {server->pkts > 0 || acked, TCA_TRY_HEARD},
        {syn && !syn->has_ts && !client->has_wscale && !(m->damage & TCA_DAMAGE_SNAPLEN), TCA_TRY_BARE},
        {m->prior.exists && before != TCA_CLOSED && before != TCA_LISTEN, TCA_TRY_PRIOR},
        {syn && syn->has_ts, TCA_TRY_TS},
        {server->has_wscale || server->sack_ok, TCA_TRY_OPTIONS},
        {m->server_syn_bare || m->client_synack, TCA_TRY_BOTH},
        {l->ack && !(l->ack->flags & (TCA_FIN | TCA_RST)), TCA_TRY_PURE_ACK},
        {!client->syn_count, TCA_TRY_CUT},
        {l->stuck > 0 || (l->ack && m->open_refuted), TCA_TRY_STUCK},
    };
    uint32_t flags = 0;
    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++)
        flags |= rows[at].holds ? rows[at].flag : 0;
    return flags;
}

/* When the SYN came that this answers. */
static int64_t asked_ns(const struct tca_dossier *d, const struct tca_mark *synack)
{
    int64_t newest_ns = synack ? synack->time_ns : -1;
    const struct tca_mark *syn;
    for (unsigned n = 0; (syn = tca_dossier_mark(d, TCA_MARK_SYN, TCA_CLIENT, n)) != NULL; n++)
        if (synack && syn->frame < synack->frame)
            newest_ns = syn->time_ns;
    return newest_ns;
}

/* Its SYN+ACK, which no timer repeated, is all that the server said, though small payload came again and again: one that any path
 * carries. */
static uint32_t vain_ms_of(const struct tca_dossier *d, const struct tca_ladder *l)
{
    const struct tca_side *client = &d->m.side[TCA_CLIENT], *server = &d->m.side[TCA_SERVER];
    bool silent = l->first && !l->rungs && server->pkts == server->synack_count && !d->m.child_proved;
    if (!silent || client->retx_pkts < VAIN_COPIES)
        return 0;
    const struct tca_mark *data = tca_dossier_mark(d, TCA_MARK_FIRST_DATA, TCA_CLIENT, 0);
    const struct tca_mark *again = tca_dossier_last(d, TCA_MARK_DATA_RETX, TCA_CLIENT);
    if (!data || !again || data->len > VAIN_BYTES || again->time_ns - data->time_ns < SECOND)
        return 0;
    return clip((uint64_t)(again->time_ns - l->first->time_ns) / MS);
}

static void read_opening(const struct tca_dossier *d, struct tca_attempt *a)
{
    const struct tca_mark *syn = tca_dossier_mark(d, TCA_MARK_SYN, TCA_CLIENT, 0);
    struct tca_ladder ladder;
    tca_ladder_read(d, &ladder);
    a->flags = flags_of(d, &ladder);
    a->syns = clip(d->m.side[TCA_CLIENT].syn_count);
    a->synacks = clip(d->m.side[TCA_SERVER].synack_count);
    a->others = tca_dossier_count(d, TCA_MARK_OTHER_SYNACK, TCA_SERVER);
    a->rungs = ladder.rungs;
    a->iss = d->m.side[TCA_CLIENT].iss;
    a->tsval_last = d->m.side[TCA_CLIENT].tsval_last;
    a->synack_ns = ladder.first ? ladder.first->time_ns : -1;
    a->asked_ns = asked_ns(d, ladder.first);
    a->synack_frame = ladder.first ? ladder.first->frame : 0;
    a->cookie = (uint8_t)word_of(d, &ladder, a);
    a->stamped = ladder.last && tca_cookie_stamp(d, ladder.last, &a->stamp);
    a->stamped_ns = ladder.last ? ladder.last->time_ns : -1;
    a->shrunk = tca_cookie_window(d, ladder.last) > 0;
    a->vain_ms = vain_ms_of(d, &ladder);
    if (ladder.rungs && ladder.gap_ns > TCA_ATTEMPT_WATCHED_NS)
        a->extra = ladder.answers; /* the request that climbed was not made by the first of them */
    time_request(d, &ladder, a);
    if (!syn)
        return;
    const struct tca_mark *again = tca_dossier_mark(d, TCA_MARK_SYN, TCA_CLIENT, 1);
    a->again_ns = again ? again->time_ns : -1;
    a->print = print_of(syn, &d->m.side[TCA_CLIENT]);
    a->tsval = syn->tsval;
    a->probe = a->flags & TCA_TRY_ACKED ? TCA_SCAN_CONNECT : TCA_SCAN_SYN;
}

/* ---- SYNs without an answer, and repeats ---- */

static int add_drops(struct tca_pressure *p, const struct tca_dossier *d, struct tca_attempt *a)
{
    bool counts = !(a->flags & (TCA_TRY_BOTH | TCA_TRY_ICMP));
    const struct tca_mark *syn = counts ? tca_syn_unanswered(d, NULL) : NULL;
    if (!syn)
        return TCA_OK;
    const struct tca_mark *newest = tca_dossier_last(d, TCA_MARK_SYN, TCA_CLIENT);
    uint64_t beyond = d->m.side[TCA_CLIENT].syn_count - tca_dossier_count(d, TCA_MARK_SYN, TCA_CLIENT);
    for (; syn; syn = tca_syn_unanswered(d, syn)) {
        void *array = tca_room(p->drop, p->drops, &p->drop_room, sizeof *p->drop);
        if (!array)
            return TCA_EMEMORY;
        p->drop = array;
        bool last = syn == newest && !(a->flags & TCA_TRY_ANSWERED);
        bool undecided = syn == newest && a->until_ns - syn->time_ns < ANSWER_NS;
        struct tca_dropped one = {.time_ns = syn->time_ns,
                                  .frame = syn->frame,
                                  .attempt = (uint32_t)p->attempts,
                                  .weight = last ? clip(beyond + 1) : 1,
                                  .weak = undecided || (a->flags & TCA_TRY_PRIOR)};
        a->drops += one.weight;
        p->drop[p->drops++] = one;
    }
    return TCA_OK;
}

/* Sent again by a timer of that end: a SYN, payload, a FIN. A SYN+ACK's rungs have causes of their own. */
static bool is_repeat(const struct tca_mark *mark)
{
    if (mark->witness)
        return false;
    if (mark->roles & TCA_MARK_DATA_RETX)
        return true;
    return (mark->roles & (TCA_MARK_SYN | TCA_MARK_FIN)) && mark->copy > 1;
}

/* Whether there can be one among the marks. */
static bool has_repeats(const struct tca_dossier *d)
{
    const struct tca_side *client = &d->m.side[TCA_CLIENT], *server = &d->m.side[TCA_SERVER];
    return tca_dossier_has(d, TCA_MARK_DATA_RETX, -1) || client->syn_count > 1 || server->syn_count > 1 ||
           client->fin_count > 1 || server->fin_count > 1;
}

static int add_repeats(struct tca_pressure *p, const struct tca_dossier *d)
{
    if (!has_repeats(d))
        return TCA_OK;
    int64_t before[2] = {INT64_MIN / 2, INT64_MIN / 2}, syn_ns = d->m.start_ns, lost_ns;
    for (unsigned at = 0; at < d->mark_count; at++) {
        const struct tca_mark *mark = &d->mark[at];
        lost_ns = mark->roles & TCA_MARK_SYN ? syn_ns : mark->time_ns;
        if (mark->roles & TCA_MARK_SYN)
            syn_ns = mark->time_ns;
        if (!is_repeat(mark) || mark->time_ns - before[mark->side] < TIMER_NS)
            continue;
        before[mark->side] = mark->time_ns;
        void *array = tca_room(p->repeat, p->repeats, &p->repeat_room, sizeof *p->repeat);
        if (!array)
            return TCA_EMEMORY;
        p->repeat = array;
        p->repeat[p->repeats++] = (struct tca_repeat){.time_ns = mark->time_ns,
                                                      .lost_ns = lost_ns,
                                                      .frame = mark->frame,
                                                      .attempt = (uint32_t)p->attempts,
                                                      .capture = d->capture,
                                                      .server = mark->side == TCA_SERVER,
                                                      .syn = (mark->roles & TCA_MARK_SYN) != 0};
    }
    return TCA_OK;
}

/* ---- one flow ---- */

static struct tca_attempt attempt_of(const struct tca_dossier *d, int asker)
{
    struct tca_attempt a = {.client_port = d->port[asker],
                            .server_port = d->port[1 - asker],
                            .family = d->family,
                            .capture = d->capture,
                            .frame = d->m.first_frame,
                            .id_frame = d->id_frame,
                            .first_ns = d->m.start_ns,
                            .last_ns = d->m.last_ns,
                            .until_ns = end_of(d),
                            .again_ns = -1,
                            .synack_ns = -1,
                            .gone_ns = INT64_MAX,
                            .gone_late_ns = INT64_MAX};
    a.client_host = d->host[asker];
    a.server_host = d->host[1 - asker];
    return a;
}

/* A flow without a SYN: an older connection's, or a probe of one or a few segments. */
static void read_rest(const struct tca_dossier *d, int asker, bool probe, struct tca_attempt *a)
{
    const struct tca_side *server = &d->m.side[1 - asker];
    a->flags = TCA_TRY_CUT | (server->pkts ? TCA_TRY_HEARD : 0u) |
               (server->rst_count ? TCA_TRY_REFUSED : 0u) | (d->m.side[asker].bytes ? TCA_TRY_ASKED : 0u) |
               (server->bytes ? TCA_TRY_SERVED : 0u);
    a->tsval_last = d->m.side[asker].tsval_last;
    a->probe = probe ? (uint8_t)kind_of_probe(d, asker) : TCA_SCAN_NONE;
}

int tca_pressure_add(struct tca_pressure *p, const struct tca_dossier *d)
{
    void *array = p->attempts < UINT32_MAX
                      ? tca_room(p->attempt, p->attempts, &p->attempt_room, sizeof *p->attempt)
                      : NULL;
    if (!array)
        return TCA_EMEMORY;
    p->attempt = array;
    bool opened = d->m.side[TCA_CLIENT].syn_count || d->m.side[TCA_SERVER].synack_count;
    int probing = opened ? -1 : prober(&d->m), asker = probing >= 0 ? probing : TCA_CLIENT;
    struct tca_attempt a = attempt_of(d, asker);
    if (opened)
        read_opening(d, &a);
    else
        read_rest(d, asker, probing >= 0, &a);
    int error = opened ? add_drops(p, d, &a) : TCA_OK;
    if (!error)
        error = add_repeats(p, d);
    p->attempt[p->attempts++] = a;
    return error;
}

bool tca_attempt_incomplete(const struct tca_attempt *a)
{
    if (!(a->flags & TCA_TRY_SYN) ||
        (a->flags & (TCA_TRY_ACKED | TCA_TRY_REFUSED | TCA_TRY_ICMP | TCA_TRY_BOTH)))
        return false;
    return (a->flags & TCA_TRY_RESET) || a->until_ns - a->first_ns >= TCA_ATTEMPT_WATCHED_NS;
}
