/* SPDX-License-Identifier: MIT
 *
 * Gathering: one dossier becomes one struct tca_conn and its edges. The dossier may go away afterwards.
 *
 * The proof that accept() took a child is application output of the server: payload, FIN, or an active RST alone; a
 * burst of such RSTs means that the listener was closed with its queue (inet_connection_sock.c inet_csk_listen_stop)
 * and proves the contrary (sweep.c).
 */
#include "classify/sweep/sweep.h"

#include "base/alloc.h"
#include "base/seq32.h"
#include "classify/closing.h"
#include "classify/read/cookie.h"
#include "classify/read/reuse.h"
#include "classify/read/rungs.h"
#include "classify/read/shapes.h"
#include "mirror/deviations.h"

#include <string.h>
#include <tcpautopsy/error.h>

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

static const int64_t IDLE_NS = SECOND;         /* a client silent for longer than this is idle */
static const int64_t IDLE_SEEN_NS = 1200 * MS; /* and the capture must have watched it that long */
static const int64_t ABORT_NS = SECOND; /* an RST later than this after the ACK is no abort on overflow */
static const int64_t FIRST_RUNG_NS =
    1145 * MS; /* as late as the first timer, of 1 s, was ever seen near the server */
static const int64_t RUNG_NS = 1200 * MS; /* a request would have repeated its SYN+ACK, lateness included */
static const int64_t PRUNED_NS =
    8 * SECOND; /* the third rung comes 7 s after the first SYN+ACK, lateness included */
static const int64_t REPEAT_MAX_NS = 120 * SECOND; /* no repeat waits longer, TCP_RTO_MAX, ... */
static const int64_t LATE_NS = 100 * MS;   /* ... apart from a timer's lateness: an eighth, and this */
static const int64_t HASTE_NS = 150 * MS;  /* no retransmission timer is shorter, 200 ms less its jitter */
static const int64_t OUTAGE_NS = 300 * MS; /* shorter runs of repeats are ordinary loss */
enum { REFUSED_MIN = 2 }; /* payload and its first repetition; one segment alone is lost easily */

static int add_edge(struct tca_sweep *sweep, struct tca_edge edge)
{
    void *array = tca_room(sweep->edge, sweep->edges, &sweep->edge_room, sizeof edge);
    if (!array)
        return TCA_EMEMORY;
    sweep->edge = array;
    edge.conn = (uint32_t)(sweep->conns - 1);
    sweep->edge[sweep->edges++] = edge;
    return TCA_OK;
}

/* FNV-1a with a final mix. Used to count different clients, so a collision costs one in a count. */
static uint64_t client_hash(const uint8_t addr[16])
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (int at = 0; at < 16; at++)
        hash = (hash ^ addr[at]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

static uint32_t clip(int64_t ns)
{
    return ns < 0 ? UINT32_MAX : ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX - 1;
}

static uint32_t clip_count(uint64_t count)
{
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

static int64_t flow_end_ns(const struct tca_dossier *d)
{
    return d->m.end_ns >= 0 ? d->m.end_ns : d->capture_end_ns;
}

/* The tuple's older connection may be what keeps silent: TIME_WAIT answers some SYNs and limits its rate. */
static bool prior_may_swallow(const struct tca_dossier *d)
{
    uint8_t state = d->m.prior.state[TCA_SERVER];
    return d->m.prior.exists && state != TCA_CLOSED && state != TCA_LISTEN;
}

static int add_drops(struct tca_sweep *sweep, const struct tca_dossier *d)
{
    const struct tca_mark *syn = tca_syn_unanswered(d, NULL);
    if (!syn)
        return TCA_OK;
    bool answered = tca_dossier_mark(d, TCA_MARK_SYNACK, TCA_SERVER, 0) != NULL;
    const struct tca_mark *newest = tca_dossier_last(d, TCA_MARK_SYN, TCA_CLIENT);
    uint64_t beyond = d->m.side[TCA_CLIENT].syn_count - tca_dossier_count(d, TCA_MARK_SYN, TCA_CLIENT);
    for (; syn; syn = tca_syn_unanswered(d, syn)) {
        struct tca_edge edge = {.time_ns = syn->time_ns,
                                .frame = syn->frame,
                                .kind = TCA_EDGE_DROP,
                                .weight = 1,
                                .weak = prior_may_swallow(d),
                                .open_end = syn == newest,
                                .other_ns = flow_end_ns(d)};
        if (syn == newest && !answered)
            edge.weight = clip_count(beyond + 1); /* with those that were not kept */
        int error = add_edge(sweep, edge);
        if (error)
            return error;
    }
    return TCA_OK;
}

/* Client segments that created no child: all before the one that did, or all until the request was forgotten.
 */
static uint64_t ignored_count(const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    const struct tca_mirror *m = &d->m;
    if (m->child_proved)
        return m->ack_ignored_count;
    uint64_t late = 0;
    int64_t expiry = tca_ladder_expiry_ns(d, ladder);
    for (unsigned at = 0; at < d->mark_count; at++)
        late += (d->mark[at].roles & TCA_MARK_OPEN_ACK) && d->mark[at].time_ns > expiry;
    return m->acks_since_synack - (late < m->acks_since_synack ? late : m->acks_since_synack);
}

static bool child_of(const struct tca_mirror *m, int64_t *time_ns, uint64_t *frame);

/* A child that came without a word: the mirror dates it, and what it was made of was not ignored. */
static uint64_t silent_creator(const struct tca_dossier *d)
{
    int64_t time_ns;
    uint64_t frame;
    if (d->m.child_proved || !child_of(&d->m, &time_ns, &frame))
        return UINT64_MAX;
    return frame;
}

/* Which of the ignored segments something else than a full queue explains as well. */
enum weakness { WEAK_NONE, WEAK_FIRST, WEAK_BARE, WEAK_ALL };

static bool is_bare(const struct tca_mark *mark)
{
    return !mark->len && !(mark->flags & TCA_FIN);
}

static bool is_weak(const struct tca_mark *mark, enum weakness which)
{
    return which == WEAK_ALL || (which == WEAK_BARE && is_bare(mark)) ||
           (which == WEAK_FIRST && mark->ordinal == 1);
}

/* TCP_DEFER_ACCEPT drops a bare ACK that comes before the first rung, whether the queue is full or not. Where that rung
 * falls would tell, but answers to repeated SYNs have moved it; an ACK with its payload behind it was the beginning of
 * more that was refused. */
static bool may_be_deferred(const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    const struct tca_mark *ack = tca_dossier_mark(d, TCA_MARK_OPEN_ACK, TCA_CLIENT, 0),
                          *next = tca_dossier_mark(d, TCA_MARK_OPEN_ACK, TCA_CLIENT, 1);
    return ladder->answers && ladder->first_rung && ack && is_bare(ack) &&
           ack->frame < ladder->first_rung->frame && (!next || next->frame > ladder->first_rung->frame);
}

/* Edges for the client's first `total` segments since the SYN+ACK, as far as they were kept and came before
 * `creator`. */
static int add_ignored_marks(struct tca_sweep *sweep, const struct tca_dossier *d, uint64_t total,
                             uint64_t creator, enum weakness weak)
{
    uint64_t told = 0;
    struct tca_edge *last = NULL;
    for (unsigned at = 0; at < d->mark_count && told < total; at++) {
        const struct tca_mark *mark = &d->mark[at];
        if (!(mark->roles & TCA_MARK_OPEN_ACK) || mark->ordinal > total || mark->frame >= creator)
            continue;
        int error = add_edge(sweep, (struct tca_edge){.time_ns = mark->time_ns,
                                                      .frame = mark->frame,
                                                      .weight = 1,
                                                      .kind = TCA_EDGE_IGNORED,
                                                      .loose = is_bare(mark),
                                                      .weak = is_weak(mark, weak)});
        if (error)
            return error;
        last = &sweep->edge[sweep->edges - 1];
        last->weight =
            mark->ordinal > told ? clip_count(mark->ordinal - told) : 1; /* with those that were not kept */
        told = mark->ordinal;
    }
    if (last && told < total && creator == UINT64_MAX)
        last->weight = clip_count(last->weight + (total - told));
    return TCA_OK;
}

/* Refused and taken in before the first rung: the server's first word answers a retransmission, by its TSecr,
 * though an ACK and the same data had passed a retransmission timeout before. A loss looks the same, so this
 * is weak. */
static uint64_t refused_in_haste(const struct tca_dossier *d)
{
    const struct tca_mark *child = tca_dossier_mark(d, TCA_MARK_CHILD, TCA_SERVER, 0);
    const struct tca_mark *data = tca_dossier_mark(d, TCA_MARK_FIRST_DATA, TCA_CLIENT, 0);
    if (!child || !data || !child->has_ts || d->m.open_refuted || !tca_dossier_any(d, TCA_MARK_DATA_RETX))
        return 0;
    for (unsigned at = 0; at < d->mark_count && d->mark[at].frame < child->frame; at++) {
        const struct tca_mark *mark = &d->mark[at];
        if ((mark->roles & TCA_MARK_OPEN_ACK) && (mark->roles & TCA_MARK_DATA_RETX) && mark->has_ts &&
            mark->tsval == child->tsecr && mark->time_ns - data->time_ns >= HASTE_NS)
            return mark->ordinal - 1;
    }
    return 0;
}

/* The client's segments with payload from the SYN+ACK on, before this frame and before there was a child. */
static unsigned payloads_before(const struct tca_dossier *d, uint64_t frame)
{
    unsigned count = 0;
    for (unsigned at = 0; at < d->mark_count && d->mark[at].frame < frame; at++)
        count += (d->mark[at].roles & TCA_MARK_OPEN_ACK) && d->mark[at].len > 0;
    return count;
}

/* Near the server what passed has arrived, and a child acknowledges payload at once. Payload that was repeated there
 * in vain met none, although no SYN+ACK was repeated: after a SYN cookie there is no request that could. Returns the
 * frame before which all was refused, UINT64_MAX if nothing was ever taken, 0 if nothing was refused. */
static uint64_t refused_before(const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    const struct tca_mirror *m = &d->m;
    if (!tca_mirror_near_server(m) || ladder->rungs || ladder->mixed || m->first_ack_ns < 0)
        return 0;
    if (m->child_proved)
        return m->child_frame > m->first_ack_frame && payloads_before(d, m->child_frame) >= REFUSED_MIN
                   ? m->child_frame
                   : 0;
    bool silent = m->side[TCA_SERVER].pkts == m->side[TCA_SERVER].synack_count;
    return silent && payloads_before(d, UINT64_MAX) > REFUSED_MIN ? UINT64_MAX : 0;
}

static const struct tca_mark *childless_reset(const struct tca_dossier *d);
static const struct tca_mark *last_taken(const struct tca_dossier *d);

/* Near the server, after a SYN cookie: much later the client's segment finds no child, and there never was a request
 * that could have expired. So what came before that segment was refused. Returns its frame, 0 if it is not so. */
static uint64_t forgotten_before(const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    const struct tca_mirror *m = &d->m;
    const struct tca_mark *taken = childless_reset(d) ? last_taken(d) : NULL;
    bool near = tca_mirror_near_server(m);
    bool waited = taken && ladder->last && taken->time_ns - ladder->last->time_ns > RUNG_NS;
    return near && waited && !ladder->rungs && !ladder->mixed && taken->frame > m->first_ack_frame
               ? taken->frame
               : 0;
}

/* Payload would have made a child where accept() is deferred as well, and near the server it arrived. */
static enum weakness weakness_of(const struct tca_dossier *d, const struct tca_ladder *ladder,
                                 enum tca_ladder_shape shape)
{
    bool near = tca_mirror_near_server(&d->m);
    if (shape == TCA_LADDER_STUCK)
        return may_be_deferred(d, ladder) ? WEAK_FIRST : WEAK_NONE;
    return near ? WEAK_BARE : WEAK_ALL;
}

static int add_ignored(struct tca_sweep *sweep, const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    enum tca_ladder_shape shape = tca_ladder_shape(ladder);
    uint64_t refused = refused_before(d, ladder);
    if (!refused)
        refused = forgotten_before(d, ladder);
    if (refused)
        return add_ignored_marks(sweep, d, d->m.acks_since_synack, refused, WEAK_NONE);
    if (shape == TCA_LADDER_ONE_RUNG || shape == TCA_LADDER_STUCK || shape == TCA_LADDER_DEFERRED_STUCK) {
        return add_ignored_marks(sweep, d, ignored_count(d, ladder), silent_creator(d),
                                 weakness_of(d, ladder, shape));
    }
    return add_ignored_marks(sweep, d, refused_in_haste(d), UINT64_MAX - 1, WEAK_ALL);
}

/* The latest of the client's segments that can have made the child: the one that its first word names, else the last
 * before that word; NULL without a word. */
static const struct tca_mark *latest_creator(const struct tca_dossier *d)
{
    const struct tca_mark *word = tca_dossier_mark(d, TCA_MARK_CHILD, TCA_SERVER, 0), *latest = NULL;
    bool named = false;
    for (unsigned at = 0; word && at < d->mark_count && d->mark[at].frame < word->frame; at++) {
        const struct tca_mark *mark = &d->mark[at];
        bool names = word->has_ts && mark->has_ts && mark->tsval == word->tsecr;
        if (!(mark->roles & TCA_MARK_OPEN_ACK) || (named && !names))
            continue;
        latest = mark;
        named |= names;
    }
    return latest;
}

/* The server's reset of the opening, if it never had a child: what draws it finds neither that nor a request. */
static const struct tca_mark *childless_reset(const struct tca_dossier *d)
{
    const struct tca_mark *rst = tca_dossier_mark(d, TCA_MARK_RST, TCA_SERVER, 0);
    bool childless = rst && !d->m.child_proved && tca_rst_shape(rst) == TCA_SHAPE_P &&
                     rst->seq == d->m.side[TCA_SERVER].iss + 1;
    return childless ? rst : NULL;
}

/* The segment that was answered otherwise than by silence: it made the child, or it drew the reset. NULL: all met
 * silence. */
static const struct tca_mark *last_taken(const struct tca_dossier *d)
{
    const struct tca_mark *rst = childless_reset(d), *last = NULL;
    for (unsigned at = 0; rst && at < d->mark_count && d->mark[at].frame < rst->frame; at++)
        if (d->mark[at].roles & TCA_MARK_OPEN_ACK)
            last = &d->mark[at];
    return rst ? last : latest_creator(d);
}

static int64_t answer_ns(const struct tca_mirror *m)
{
    int64_t first = m->side[TCA_SERVER].first_data_ns;
    return first >= 0 ? first : INT64_MAX;
}

/* Payload that came again before there was a child: a trace of refusal, or of loss. */
static bool repeated_before(const struct tca_dossier *d, const struct tca_mark *taken)
{
    if (!tca_dossier_any(d, TCA_MARK_DATA_RETX))
        return false;
    for (unsigned at = 0; at < d->mark_count && (!taken || d->mark[at].frame <= taken->frame); at++)
        if ((d->mark[at].roles & TCA_MARK_OPEN_ACK) && (d->mark[at].roles & TCA_MARK_DATA_RETX))
            return true;
    return false;
}

/* A request that had refused this segment would have repeated its SYN+ACK before `until_ns`. */
static bool rung_was_due(const struct tca_dossier *d, const struct tca_mark *refused, int64_t until_ns)
{
    const struct tca_mark *synack = NULL, *before = NULL;
    for (unsigned at = 0; at < d->mark_count && d->mark[at].frame < refused->frame; at++)
        if ((d->mark[at].roles & TCA_MARK_SYNACK) && d->mark[at].side == TCA_SERVER && !d->mark[at].witness) {
            before = synack;
            synack = &d->mark[at];
        }
    if (!synack)
        return false;
    int64_t interval = before ? 2 * tca_interval(before->time_ns, synack->time_ns) : SECOND;
    return until_ns - synack->time_ns > interval + interval / 8 + 100 * MS;
}

/* Segments that a full queue may have refused beside the `told` ones. It is weak if nothing else speaks for it. */
static int add_doubt(struct tca_sweep *sweep, const struct tca_dossier *d, uint64_t told)
{
    const struct tca_mark *taken = last_taken(d), *first = NULL;
    uint64_t most = taken ? taken->ordinal - 1 : d->m.child_proved ? 0 : d->m.acks_since_synack;
    for (unsigned at = 0; !first && at < d->mark_count; at++)
        if ((d->mark[at].roles & TCA_MARK_OPEN_ACK) && d->mark[at].ordinal > told)
            first = &d->mark[at];
    if (!first || most <= told)
        return TCA_OK;
    return add_edge(
        sweep, (struct tca_edge){.time_ns = first->time_ns,
                                 .frame = first->frame,
                                 .weight = clip_count(most - told),
                                 .kind = TCA_EDGE_DOUBT,
                                 .weak = !repeated_before(d, taken),
                                 .loose = rung_was_due(d, first, taken ? taken->time_ns : flow_end_ns(d)),
                                 .ask_ns = answer_ns(&d->m),
                                 .other_ns = taken ? taken->time_ns : INT64_MAX});
}

/* Begun before the capture, and the server said nothing but SYN+ACK, or at last RST: what the client sent before may
 * have been refused as well, and is not numbered. */
static int add_unheard(struct tca_sweep *sweep, const struct tca_dossier *d)
{
    const struct tca_side *client = &d->m.side[TCA_CLIENT], *server = &d->m.side[TCA_SERVER];
    uint64_t others = client->rst_count + server->rst_count + d->m.acks_since_synack;
    uint64_t wordless = server->synack_count + server->rst_count;
    bool asks = client->bytes || client->fin_sent;
    if (client->syn_count || server->pkts > wordless || !asks || client->pkts <= others)
        return TCA_OK;
    return add_edge(sweep, (struct tca_edge){.time_ns = d->m.start_ns,
                                             .frame = d->m.first_frame,
                                             .weight = clip_count(client->pkts - others),
                                             .kind = TCA_EDGE_DOUBT,
                                             .ask_ns = INT64_MAX,
                                             .other_ns = INT64_MAX});
}

/* When the child was created: proved, or settled by the mirror's clocks. */
static bool child_of(const struct tca_mirror *m, int64_t *time_ns, uint64_t *frame)
{
    const struct tca_side *server = &m->side[TCA_SERVER];
    *time_ns = m->child_ns;
    *frame = m->child_frame;
    if (m->child_proved)
        return *time_ns >= 0;
    for (unsigned at = 0; at < server->step_count; at++)
        if (server->step[at].state == TCA_ESTABLISHED) {
            *time_ns = server->step[at].time_ns;
            *frame = server->step[at].frame;
            return server->synack_count > 0;
        }
    return false;
}

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
    return b_ns >= 0 && b_ns < a_ns ? b_ns : a_ns;
}

/* The server's first active RST, if it said nothing before: an abort after accept(), or a queue that is
 * closed. */
static const struct tca_mark *wordless_reset(const struct tca_dossier *d)
{
    const struct tca_side *server = &d->m.side[TCA_SERVER];
    const struct tca_mark *rst = tca_dossier_mark(d, TCA_MARK_RST, TCA_SERVER, 0);
    if (!rst || tca_rst_shape(rst) != TCA_SHAPE_X || server->bytes || server->fin_sent ||
        rst->seq != server->iss + 1)
        return NULL;
    return rst;
}

/* Of a connection that was stuck: the mirror names the earliest segment that can have made the child, but a
 * later one may have, as long as the server said nothing. Then an EARLY edge counts the child from the
 * earliest, and the CHILD edge is dated by the latest. */
static int add_early_child(struct tca_sweep *sweep, const struct tca_dossier *d,
                           const struct tca_ladder *ladder, struct tca_edge *child)
{
    const struct tca_mark *word = tca_dossier_mark(d, TCA_MARK_CHILD, TCA_SERVER, 0), *latest = NULL;
    for (unsigned at = 0; word && ladder->stuck && at < d->mark_count && d->mark[at].frame < word->frame;
         at++)
        if ((d->mark[at].roles & TCA_MARK_OPEN_ACK) && d->mark[at].frame > child->frame)
            latest = &d->mark[at];
    if (!latest)
        return TCA_OK;
    int error = add_edge(
        sweep, (struct tca_edge){
                   .kind = TCA_EDGE_EARLY, .time_ns = child->time_ns, .frame = child->frame, .weight = 1});
    child->time_ns = latest->time_ns;
    child->frame = latest->frame;
    child->loose = true;
    return error;
}

static int64_t ask_of(const struct tca_dossier *d)
{
    const struct tca_mark *fin = tca_dossier_mark(d, TCA_MARK_FIN, TCA_CLIENT, 0);
    int64_t data = d->m.side[TCA_CLIENT].first_data_ns;
    return earlier(data >= 0 ? data : INT64_MAX, fin ? fin->time_ns : -1);
}

static int add_child(struct tca_sweep *sweep, const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    struct tca_edge edge = {.kind = TCA_EDGE_CHILD, .weight = 1, .other_ns = INT64_MAX, .ask_ns = ask_of(d)};
    if (refused_before(d, ladder) == UINT64_MAX || /* what the mirror assumes of its ACK is not so */
        (d->m.damage & TCA_DAMAGE_START_CUT && !d->m.side[TCA_SERVER].synack_count) ||
        !child_of(&d->m, &edge.time_ns, &edge.frame))
        return TCA_OK;
    const struct tca_mark *fin = tca_dossier_mark(d, TCA_MARK_FIN, TCA_SERVER, 0), *rst = wordless_reset(d);
    const struct tca_mark *client_fin = tca_dossier_mark(d, TCA_MARK_FIN, TCA_CLIENT, 0);
    edge.other_ns = earlier(edge.other_ns, d->m.side[TCA_SERVER].first_data_ns);
    edge.other_ns = earlier(edge.other_ns, fin ? fin->time_ns : -1);
    sweep->conn[sweep->conns - 1].served = edge.other_ns != INT64_MAX;
    if (edge.other_ns < edge.time_ns)
        edge.other_ns = edge.time_ns; /* a fast-open child may answer before its third ACK */
    int error = add_early_child(sweep, d, ladder, &edge);
    if (!error && rst && edge.other_ns == INT64_MAX) {
        edge.other_ns = rst->time_ns;
        /* Whoever answers the client's FIN with RST had accepted and did not read; else it may be one of a
         * burst. */
        edge.open_end = !client_fin || client_fin->frame > rst->frame;
        if (edge.open_end)
            error = add_edge(sweep, (struct tca_edge){.kind = TCA_EDGE_CLOSED,
                                                      .time_ns = rst->time_ns,
                                                      .frame = rst->frame,
                                                      .weight = 1});
    }
    return error ? error : add_edge(sweep, edge);
}

/* The answer to a request that was sent before the capture began. */
static int add_heard(struct tca_sweep *sweep, const struct tca_dossier *d)
{
    int64_t server = d->m.side[TCA_SERVER].first_data_ns, client = d->m.side[TCA_CLIENT].first_data_ns;
    const struct tca_mark *mark = tca_dossier_mark(d, TCA_MARK_FIRST_DATA, TCA_SERVER, 0);
    bool begun = d->m.side[TCA_CLIENT].syn_count || d->m.side[TCA_SERVER].synack_count;
    if (begun || !mark || server < 0 || (client >= 0 && client <= server))
        return TCA_OK;
    return add_edge(sweep, (struct tca_edge){
                               .kind = TCA_EDGE_HEARD, .time_ns = server, .frame = mark->frame, .weight = 1});
}

/* All repeats are the timer's, and they begin with the first rung. */
static bool is_classic(const struct tca_ladder *ladder)
{
    return ladder->rungs && !ladder->answers && !ladder->mixed && tca_fits_timer(ladder->gap_ns, SECOND);
}

/* Two repeats, then for longer than the third would take neither that nor a child nor a reset. */
static bool two_rungs(const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    int64_t ns;
    uint64_t frame;
    return is_classic(ladder) && ladder->rungs == 2 && !child_of(&d->m, &ns, &frame) &&
           !tca_dossier_mark(d, TCA_MARK_RST, -1, 0) && flow_end_ns(d) - ladder->first->time_ns > PRUNED_NS &&
           tca_fits_timer(ladder->last->time_ns - ladder->first->time_ns, 3 * SECOND);
}

static int add_synack(struct tca_sweep *sweep, const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    const struct tca_mark *synack = tca_dossier_mark(d, TCA_MARK_SYNACK, TCA_SERVER, 0);
    if (!synack)
        return TCA_OK;
    const struct tca_mark *third =
        is_classic(ladder) ? tca_dossier_mark(d, TCA_MARK_SYNACK, TCA_SERVER, 3) : NULL;
    int64_t last = d->m.side[TCA_SERVER].syn_last_ns;
    return add_edge(sweep, (struct tca_edge){.kind = TCA_EDGE_SYNACK,
                                             .ask_ns = third ? third->time_ns : INT64_MAX,
                                             .time_ns = synack->time_ns,
                                             .frame = synack->frame,
                                             .weight = 1,
                                             .other_ns = last > synack->time_ns ? last : synack->time_ns});
}

/* The ACK that completed the handshake was answered by a bare RST at ISS+1, at once. */
static const struct tca_mark *aborted_open(const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    const struct tca_mark *rst = tca_dossier_mark(d, TCA_MARK_RST, TCA_SERVER, 0);
    if (!rst || d->m.child_proved || !ladder->ack || ladder->stuck || tca_rst_shape(rst) != TCA_SHAPE_P ||
        rst->seq != d->m.side[TCA_SERVER].iss + 1 || rst->time_ns - ladder->ack->time_ns > ABORT_NS)
        return NULL;
    return rst;
}

static int add_aborted(struct tca_sweep *sweep, const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    const struct tca_mark *rst = aborted_open(d, ladder), *refused;
    if (!rst)
        return TCA_OK;
    refused = tca_rst_trigger(d, rst); /* not the first ACK where TCP_DEFER_ACCEPT waits for payload */
    if (!refused)
        refused = ladder->ack;
    sweep->conn[sweep->conns - 1].flags |= TCA_CONN_ABORTED;
    return add_edge(sweep, (struct tca_edge){.kind = TCA_EDGE_ABORTED,
                                             .time_ns = refused->time_ns,
                                             .frame = refused->frame,
                                             .weight = 1,
                                             .weak = true});
}

static int add_loss(struct tca_sweep *sweep, struct tca_loss loss)
{
    if (loss.to_ns - loss.from_ns < OUTAGE_NS)
        return TCA_OK;
    void *array = tca_room(sweep->loss, sweep->losses, &sweep->loss_room, sizeof loss);
    if (!array)
        return TCA_EMEMORY;
    sweep->loss = array;
    loss.conn = (uint32_t)(sweep->conns - 1);
    sweep->loss[sweep->losses++] = loss;
    return TCA_OK;
}

/* Its acknowledgment had passed: it is that which got lost, beyond here. */
static bool was_acknowledged(const struct tca_dossier *d, const struct tca_mark *mark)
{
    uint32_t end = mark->seq + mark->len + ((mark->flags & TCA_FIN) != 0);
    return d->m.side[TCA_SERVER].acked_known && seq_before_eq(end, mark->peer_acked);
}

/* The client of an established connection sends the same again and again: a queued child would have
 * acknowledged it at once. */
static int add_losses(struct tca_sweep *sweep, const struct tca_dossier *d)
{
    const struct tca_mark *before = NULL;
    struct tca_loss loss = {0};
    int error = TCA_OK;
    if (!tca_dossier_has(d, TCA_MARK_DATA_RETX, TCA_CLIENT) && d->m.side[TCA_CLIENT].fin_count <= 1)
        return TCA_OK;
    for (unsigned at = 0; at < d->mark_count && !d->m.open_refuted && !error; at++) {
        const struct tca_mark *mark = &d->mark[at];
        bool again = (mark->roles & TCA_MARK_DATA_RETX) || ((mark->roles & TCA_MARK_FIN) && mark->copy > 1);
        if (mark->side != TCA_CLIENT || mark->witness || !again || (mark->roles & TCA_MARK_OPEN_ACK) ||
            was_acknowledged(d, mark))
            continue;
        if (!before || before->seq != mark->seq) {
            error = add_loss(sweep, loss);
            loss.from_ns = mark->time_ns;
        }
        loss.to_ns = mark->time_ns;
        before = mark;
    }
    return error ? error : add_loss(sweep, loss);
}

/* ---- flags of one connection ---- */

static bool is_idle_open(const struct tca_dossier *d)
{
    const struct tca_mark *fin = tca_dossier_mark(d, TCA_MARK_FIN | TCA_MARK_RST, TCA_CLIENT, 0);
    int64_t ack = d->m.first_ack_ns, data = d->m.side[TCA_CLIENT].first_data_ns;
    return ack >= 0 && (data < 0 || data - ack > IDLE_NS) && (!fin || fin->time_ns - ack > IDLE_NS) &&
           flow_end_ns(d) - ack > IDLE_SEEN_NS;
}

static bool only_rung_at_1s(const struct tca_ladder *ladder)
{
    return tca_ladder_shape(ladder) == TCA_LADDER_ONE_RUNG && ladder->rungs == 1 && !ladder->early_data &&
           ladder->gap_ns >= 980 * MS && ladder->gap_ns <= FIRST_RUNG_NS;
}

static uint32_t skew_flags(const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    int64_t lag_ms;
    if (ladder->rungs || !tca_cookie_lag(d, ladder->last, &lag_ms))
        return 0;
    bool cookie = lag_ms >= TCA_COOKIE_SKEW_MIN && lag_ms <= TCA_COOKIE_SKEW_MAX;
    uint32_t shrunk = tca_cookie_window(d, ladder->last) ? TCA_CONN_SHRUNK : 0;
    return TCA_CONN_SKEW | shrunk | (cookie ? TCA_CONN_COOKIE_SKEW : 0);
}

/* Bytes were acknowledged that are not here; or the SYN, or its answer, of a connection that went on. */
static bool has_gap(const struct tca_mirror *m)
{
    const struct tca_side *client = &m->side[TCA_CLIENT], *server = &m->side[TCA_SERVER];
    bool one_missing = client->pkts && server->pkts && !client->syn_count != !server->synack_count;
    bool went_on = server->synack_count || server->bytes || server->fin_sent;
    return client->missed_bytes || server->missed_bytes || (one_missing && went_on);
}

static uint32_t damage_flags(const struct tca_mirror *m)
{
    return (has_gap(m) ? TCA_CONN_GAP : 0u) | (m->damage & TCA_DAMAGE_SNAPLEN ? TCA_CONN_CUT : 0u);
}

/* A bare ACK, and the client's next segment long after it, before any word of the server. */
static bool asks_late(const struct tca_dossier *d)
{
    const struct tca_mark *ack = tca_dossier_mark(d, TCA_MARK_OPEN_ACK, TCA_CLIENT, 0),
                          *next = tca_dossier_mark(d, TCA_MARK_OPEN_ACK, TCA_CLIENT, 1);
    return ack && next && is_bare(ack) && next->time_ns - ack->time_ns > LATE_NS;
}

/* What the SYN+ACK bears, or when it was made, tells that it was no SYN cookie. */
static bool is_request(uint32_t flags, const struct tca_side *server)
{
    bool timed = (flags & (TCA_CONN_SKEW | TCA_CONN_COOKIE_SKEW)) == TCA_CONN_SKEW;
    return (flags & TCA_CONN_OPTIONS) && !(flags & (TCA_CONN_SHRUNK | TCA_CONN_CUT)) &&
           (timed || !server->ts_on);
}

/* Its request lived for longer than a first rung takes, refused payload and repeated no SYN+ACK: TCP_DEFER_ACCEPT had
 * taken the bare ACK for an answer (inet_connection_sock.c syn_ack_recalc). */
static bool is_silent_request(const struct tca_dossier *d, const struct tca_ladder *ladder, uint32_t flags)
{
    return d->m.child_proved && ladder->last && d->m.child_ns - ladder->last->time_ns > FIRST_RUNG_NS &&
           is_request(flags, &d->m.side[TCA_SERVER]) && refused_before(d, ladder);
}

static uint32_t flags_of(const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    const struct tca_mirror *m = &d->m;
    const struct tca_mark *rst = tca_dossier_mark(d, TCA_MARK_RST, TCA_SERVER, 0);
    bool syn = m->side[TCA_CLIENT].syn_count > 0, synack = m->side[TCA_SERVER].synack_count > 0;
    bool idle = is_idle_open(d);
    int64_t ns;
    uint64_t frame;
    uint32_t flags = skew_flags(d, ladder) | damage_flags(m);
    struct tca_closing close = tca_closing_gather(d);
    struct tca_reuse reuse;
    if (close.passive == TCA_SERVER && tca_closing_idle_ns(&close) > TCA_LONG_CLOSE_WAIT_NS)
        flags |= TCA_CONN_CLOSE_WAIT;
    if (!syn && !synack)
        return flags | TCA_CONN_MIDSTREAM;
    if (tca_reuse_of(d, &reuse) && tca_reuse_absent(&reuse))
        flags |= TCA_CONN_TIME_WAIT_ABSENT;
    if (synack && child_of(m, &ns, &frame))
        flags |= TCA_CONN_ESTABLISHED;
    if (!synack && rst)
        flags |= TCA_CONN_REFUSED;
    if (!synack && !m->side[TCA_SERVER].pkts)
        flags |= TCA_CONN_UNANSWERED;
    if (idle)
        flags |= TCA_CONN_IDLE | (only_rung_at_1s(ladder) ? TCA_CONN_ONE_RUNG : 0);
    if (ladder->rungs > 2)
        flags |= TCA_CONN_LONG_LADDER;
    enum tca_ladder_shape shape = tca_ladder_shape(ladder);
    if (shape == TCA_LADDER_DEFERRED || shape == TCA_LADDER_DEFERRED_STUCK)
        flags |= TCA_CONN_DEFERRED;
    if (asks_late(d))
        flags |= TCA_CONN_LATE_ASK;
    if (tca_prompt_child(d))
        flags |= TCA_CONN_PROMPT;
    if (two_rungs(d, ladder))
        flags |= TCA_CONN_TWO_RUNGS;
    if (ladder->named)
        flags |= TCA_CONN_NAMED_ACK;
    if (m->side[TCA_CLIENT].tfo_cookie)
        flags |= TCA_CONN_FAST_OPEN;
    if (tca_cookie_options_withheld(m, tca_dossier_mark(d, TCA_MARK_SYN, TCA_CLIENT, 0), ladder->first))
        flags |= TCA_CONN_COOKIE_BARE;
    if (m->side[TCA_SERVER].has_wscale || m->side[TCA_SERVER].sack_ok)
        flags |= TCA_CONN_OPTIONS;
    if (is_silent_request(d, ladder, flags))
        flags |= TCA_CONN_DEFERRED;
    return flags;
}

/* The mirror gives these only where it is known which copies belong together. */
static void time_handshake(const struct tca_mirror *m, struct tca_conn *conn)
{
    bool known = m->syn_rtt_ns >= 0 && m->ack_rtt_ns >= 0;
    conn->server_rtt_ns = known ? clip(m->syn_rtt_ns) : UINT32_MAX;
    conn->client_rtt_ns = known ? clip(m->ack_rtt_ns) : UINT32_MAX;
}

static uint64_t weight_since(const struct tca_sweep *sweep, size_t before)
{
    uint64_t weight = 0;
    for (size_t at = before; at < sweep->edges; at++)
        weight += sweep->edge[at].weight;
    return weight;
}

static int add_edges(struct tca_sweep *sweep, const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    if (d->m.server_syn_bare || d->m.client_synack)
        return TCA_OK; /* two openers, no listener */
    int error = add_drops(sweep, d);
    if (!error)
        error = add_synack(sweep, d, ladder);
    if (!error)
        error = add_child(sweep, d, ladder);
    size_t before = sweep->edges;
    if (!error)
        error = add_ignored(sweep, d, ladder);
    if (!error)
        error = add_doubt(sweep, d, weight_since(sweep, before));
    if (!error)
        error = add_unheard(sweep, d);
    if (!error)
        error = add_aborted(sweep, d, ladder);
    if (!error)
        error = add_heard(sweep, d);
    return error ? error : add_losses(sweep, d);
}

/* From the client's first ACK to the first payload byte of the server. */
static int64_t response_of(const struct tca_mirror *m)
{
    int64_t first = m->side[TCA_SERVER].first_data_ns;
    return m->first_ack_ns >= 0 && first >= m->first_ack_ns ? first - m->first_ack_ns : -1;
}

static bool speaks_first(const struct tca_dossier *d)
{
    int64_t server = d->m.side[TCA_SERVER].first_data_ns, client = d->m.side[TCA_CLIENT].first_data_ns;
    return server >= 0 && (client < 0 || client > server) && !(d->m.damage & TCA_DAMAGE_START_CUT);
}

/* When a repeat is due at the latest, after the last segment. A timer doubles at most, and the first of a SYN takes a
 * second: of SYNs alone the last gap tells; where several timers are at work, all the time they took. */
static int64_t repeat_due_ns(const struct tca_dossier *d)
{
    uint64_t kept = tca_dossier_count(d, TCA_MARK_SYN, TCA_CLIENT), syns = d->m.side[TCA_CLIENT].syn_count;
    int64_t due = d->m.last_ns - d->m.start_ns + SECOND;
    if (!d->m.side[TCA_SERVER].pkts && kept == syns && kept > 1) {
        const struct tca_mark *before = tca_dossier_mark(d, TCA_MARK_SYN, TCA_CLIENT, (int)kept - 2);
        int64_t gap = before ? d->m.last_ns - before->time_ns : due;
        due = 2 * gap < due ? 2 * gap : due;
    }
    due = due < REPEAT_MAX_NS ? due : REPEAT_MAX_NS;
    return due + due / 8 + LATE_NS;
}

/* Nobody waits any more: it was reset, the client closed, its request expired, or it went silent. */
static bool is_over(const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    bool expired = ladder->rungs && !d->m.child_proved && tca_ladder_expiry_ns(d, ladder) < d->capture_end_ns;
    return expired || tca_dossier_mark(d, TCA_MARK_RST, -1, 0) || d->m.side[TCA_CLIENT].fin_count ||
           d->m.end_ns >= 0 || d->capture_end_ns - d->m.last_ns > repeat_due_ns(d);
}

/* The next one, to be filled. NULL: memory is out. */
static struct tca_conn *new_conn(struct tca_sweep *sweep)
{
    void *array = sweep->conns < UINT32_MAX
                      ? tca_room(sweep->conn, sweep->conns, &sweep->conn_room, sizeof *sweep->conn)
                      : NULL;
    if (!array)
        return NULL;
    sweep->conn = array;
    return &sweep->conn[sweep->conns++];
}

int tca_sweep_add(struct tca_sweep *sweep, const struct tca_dossier *d)
{
    struct tca_conn *conn = new_conn(sweep);
    if (!conn)
        return TCA_EMEMORY;
    struct tca_ladder ladder;
    tca_ladder_read(d, &ladder);
    bool refused = refused_before(d, &ladder) != 0;
    *conn = (struct tca_conn){.host = d->host[TCA_SERVER],
                              .port = d->port[TCA_SERVER],
                              .family = d->family,
                              .client = client_hash(d->addr[TCA_CLIENT]),
                              .stuck = d->m.open_refuted && !refused,
                              .refused = refused,
                              .path_ns = d->m.path_to_server_ns,
                              .opened = d->m.child_proved && !d->m.open_refuted && !refused,
                              .over = is_over(d, &ladder),
                              .answers = d->m.side[TCA_SERVER].first_data_ns >= 0,
                              .speaks_first = speaks_first(d),
                              .asked = d->m.side[TCA_CLIENT].bytes > 0,
                              .unknown = has_gap(&d->m),
                              .syns = clip_count(d->m.side[TCA_CLIENT].syn_count),
                              .synacks = clip_count(d->m.side[TCA_SERVER].synack_count),
                              .flags = flags_of(d, &ladder),
                              .tags = d->tags,
                              .start_ns = d->m.start_ns,
                              .last_ns = d->m.last_ns,
                              .response_ns = response_of(&d->m),
                              .first_frame = d->m.first_frame};
    time_handshake(&d->m, conn);
    return add_edges(sweep, d, &ladder);
}

/* ---- what is only counted ---- */

static struct tca_folded *folded_at(struct tca_sweep *sweep, const struct tca_dossier *d)
{
    uint32_t hash = (d->host[TCA_SERVER] * 31 + d->port[TCA_SERVER]) * UINT32_C(0x9e3779b1);
    return &sweep->folded[(hash >> 16) % TCA_FOLDED];
}

/* Alike are those of which the same is counted. */
static bool is_folded(const struct tca_sweep *sweep, const struct tca_folded *one,
                      const struct tca_dossier *d, uint32_t flags)
{
    return one->conn && one->host == d->host[TCA_SERVER] && one->port == d->port[TCA_SERVER] &&
           sweep->conn[one->conn - 1].flags == flags;
}

/* What is counted of it: was it answered, and by what? */
static uint32_t folded_flags(const struct tca_dossier *d)
{
    struct tca_ladder ladder;
    if (d->m.side[TCA_CLIENT].syn_count && !d->m.side[TCA_SERVER].pkts)
        return TCA_CONN_UNANSWERED;
    tca_ladder_read(d, &ladder);
    return flags_of(d, &ladder) & (TCA_CONN_UNANSWERED | TCA_CONN_ESTABLISHED | TCA_CONN_REFUSED);
}

static struct tca_conn folded_of(const struct tca_dossier *d, uint32_t flags)
{
    return (struct tca_conn){.host = d->host[TCA_SERVER],
                             .port = d->port[TCA_SERVER],
                             .family = d->family,
                             .path_ns = -1,
                             .over = true,
                             .folded = true,
                             .syns = clip_count(d->m.side[TCA_CLIENT].syn_count),
                             .synacks = clip_count(d->m.side[TCA_SERVER].synack_count),
                             .server_rtt_ns = UINT32_MAX,
                             .client_rtt_ns = UINT32_MAX,
                             .flags = flags,
                             .tags = d->tags,
                             .start_ns = d->m.start_ns,
                             .last_ns = d->m.last_ns,
                             .response_ns = -1,
                             .first_frame = d->m.first_frame};
}

int tca_sweep_count_only(struct tca_sweep *sweep, const struct tca_dossier *d)
{
    struct tca_folded *one = folded_at(sweep, d);
    uint32_t flags = folded_flags(d);
    if (is_folded(sweep, one, d, flags)) {
        struct tca_conn *conn = &sweep->conn[one->conn - 1];
        conn->more += conn->more < UINT32_MAX - 1;
        conn->syns = clip_count((uint64_t)conn->syns + d->m.side[TCA_CLIENT].syn_count);
        conn->synacks = clip_count((uint64_t)conn->synacks + d->m.side[TCA_SERVER].synack_count);
        conn->last_ns = d->m.last_ns > conn->last_ns ? d->m.last_ns : conn->last_ns;
        return TCA_OK;
    }
    struct tca_conn *conn = sweep->folds < TCA_FOLDS_MAX ? new_conn(sweep) : NULL;
    if (!conn)
        return sweep->folds < TCA_FOLDS_MAX ? TCA_EMEMORY : TCA_OK;
    sweep->folds++;
    *conn = folded_of(d, flags);
    *one = (struct tca_folded){d->host[TCA_SERVER], d->port[TCA_SERVER], (uint32_t)sweep->conns};
    return TCA_OK;
}
