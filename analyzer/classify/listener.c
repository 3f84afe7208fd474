/* SPDX-License-Identifier: MIT
 *
 * The sweep: edges out of dossiers, listeners out of edges.
 *
 *     add:  dossier --> one struct tca_conn and its edges
 *     run:  conns by (capture, address, port)  --> listener numbers, counters, medians, vantage
 *           edges by (listener, time, frame)   --> bursts of a closed listener, then episodes (episode.c)
 *
 * Everything that was added is sorted before it is read, so the order of adds cannot matter. Keys are
 * compared, never hashed: nobody can choose addresses that make this slow. The proof that accept() took a
 * child is application output of the server: payload, FIN, or an active RST alone; a burst of such RSTs means
 * that the listener was closed with its queue (inet_connection_sock.c inet_csk_listen_stop) and proves the
 * contrary.
 */
#include "classify/episode.h"

#include "base/alloc.h"
#include "base/seq32.h"
#include "classify/close.h"
#include "classify/handshake.h"
#include "classify/ladder.h"
#include "classify/shapes.h"
#include "classify/timewait.h"

#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

static const int64_t IDLE_NS = SECOND;         /* a client silent for longer than this is idle */
static const int64_t IDLE_SEEN_NS = 1200 * MS; /* and the capture must have watched it that long */
static const int64_t ABORT_NS = SECOND;    /* an RST later than this after the ACK is no abort on overflow */
static const int64_t BURST_NS = 10 * MS;   /* RSTs of a closing listener leave together */
static const int64_t HASTE_NS = 150 * MS;  /* no retransmission timer is shorter, 200 ms less its jitter */
static const int64_t LAN_NS = 300000;      /* a round trip below 0.3 ms touches the host */
static const int64_t ANSWER_NS = 100 * MS; /* an answer slower than four round trips and this is none */
static const int64_t SKEW_VALID_NS = 10 * SECOND; /* clocks drift apart */
static const int64_t STILL_OPEN_NS = 100 * MS; /* a listener that answers a SYN within this was not closed */
static const int64_t AT_ONCE_NS = 500 * MS;    /* from a request to its answer, nobody in between */
static const int64_t OUTAGE_NS = 300 * MS;     /* shorter runs of repeats are ordinary loss */
enum { REFUSED_MIN = 2 }; /* payload and its first repetition; one segment alone is lost easily */
enum { BURST_MIN = 3 };

enum conn_flag {
    CONN_ESTABLISHED = 1 << 0,
    CONN_REFUSED = 1 << 1,
    CONN_UNANSWERED = 1 << 2,
    CONN_MIDSTREAM = 1 << 3,
    CONN_IDLE = 1 << 4,
    CONN_ONE_RUNG = 1 << 5,
    CONN_LONG_LADDER = 1 << 6,
    CONN_NAMED_ACK = 1 << 7,
    CONN_ABORTED = 1 << 8,
    CONN_CLOSE_WAIT = 1 << 9,
    CONN_TIME_WAIT_ABSENT = 1 << 10,
    CONN_SKEW = 1 << 11,
    CONN_COOKIE_SKEW = 1 << 12,
};

/* A run of repeats that nothing acknowledged. */
struct loss {
    int64_t from_ns, to_ns;
    uint32_t conn, listener;
};

struct tca_sweep {
    enum tca_vantage user;
    struct tca_conn *conn; /* owned */
    size_t conns, conn_room;
    struct tca_edge *edge; /* owned */
    size_t edges, edge_room;
    struct loss *loss; /* owned */
    size_t losses, loss_room;
    struct tca_listener *listener; /* owned, with their episodes */
    size_t listeners;
    int64_t *moment; /* owned: what the listeners' admitted_ns and dropped_ns point into */
    size_t moments;
};

static const struct tca_listener nothing_known = {.first_synack_ns = -1,
                                                  .last_synack_ns = -1,
                                                  .server_rtt_ns = -1,
                                                  .client_rtt_ns = -1,
                                                  .peak_syn_recv_ns = -1};

/* ---- gathering: one dossier ---- */

static int more_room(void **array, size_t *room, size_t used, size_t size)
{
    if (used < *room)
        return TCA_OK;
    size_t wanted = *room ? 2 * *room : 256;
    void *grown = tca_grow(*array, wanted, size);
    if (!grown)
        return TCA_EMEMORY;
    *array = grown;
    *room = wanted;
    return TCA_OK;
}

static int add_edge(struct tca_sweep *sweep, struct tca_edge edge)
{
    void *array = sweep->edge;
    int error = more_room(&array, &sweep->edge_room, sweep->edges, sizeof edge);
    if (error)
        return error;
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
    bool answered = tca_dossier_mark(d, TCA_MARK_SYNACK, TCA_SERVER, 0) != NULL;
    const struct tca_mark *newest = tca_dossier_last(d, TCA_MARK_SYN, TCA_CLIENT);
    uint64_t beyond = d->m.side[TCA_CLIENT].syn_count - tca_dossier_count(d, TCA_MARK_SYN, TCA_CLIENT);
    for (const struct tca_mark *syn = NULL; (syn = tca_syn_unanswered(d, syn)) != NULL;) {
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

/* Edges for the client's first `total` segments since the SYN+ACK, as far as they were kept and came before
 * `creator`. */
static int add_ignored_marks(struct tca_sweep *sweep, const struct tca_dossier *d, uint64_t total,
                             uint64_t creator, bool weak)
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
                                                      .weak = weak});
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
    if (!child || !data || !child->has_ts || d->m.open_refuted)
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
    bool near = m->path_to_server_ns >= 0 && m->path_to_server_ns < MS;
    if (!near || ladder->rungs || ladder->mixed || m->first_ack_ns < 0)
        return 0;
    if (m->child_proved)
        return m->child_frame > m->first_ack_frame && payloads_before(d, m->child_frame) >= REFUSED_MIN
                   ? m->child_frame
                   : 0;
    bool silent = m->side[TCA_SERVER].pkts == m->side[TCA_SERVER].synack_count;
    return silent && payloads_before(d, UINT64_MAX) > REFUSED_MIN ? UINT64_MAX : 0;
}

static int add_ignored(struct tca_sweep *sweep, const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    enum tca_ladder_shape shape = tca_ladder_shape(ladder);
    uint64_t refused = refused_before(d, ladder);
    if (refused)
        return add_ignored_marks(sweep, d, d->m.acks_since_synack, refused, false);
    if (shape == TCA_LADDER_ONE_RUNG || shape == TCA_LADDER_STUCK || shape == TCA_LADDER_DEFERRED_STUCK)
        return add_ignored_marks(sweep, d, ignored_count(d, ladder), silent_creator(d),
                                 shape != TCA_LADDER_STUCK);
    return add_ignored_marks(sweep, d, refused_in_haste(d), UINT64_MAX - 1, true);
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

static int add_synack(struct tca_sweep *sweep, const struct tca_dossier *d)
{
    const struct tca_mark *synack = tca_dossier_mark(d, TCA_MARK_SYNACK, TCA_SERVER, 0);
    if (!synack)
        return TCA_OK;
    int64_t last = d->m.side[TCA_SERVER].syn_last_ns;
    return add_edge(sweep, (struct tca_edge){.kind = TCA_EDGE_SYNACK,
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
    if (!aborted_open(d, ladder))
        return TCA_OK;
    sweep->conn[sweep->conns - 1].flags |= CONN_ABORTED;
    return add_edge(sweep, (struct tca_edge){.kind = TCA_EDGE_ABORTED,
                                             .time_ns = ladder->ack->time_ns,
                                             .frame = ladder->ack->frame,
                                             .weight = 1,
                                             .weak = true});
}

static int add_loss(struct tca_sweep *sweep, struct loss loss)
{
    if (loss.to_ns - loss.from_ns < OUTAGE_NS)
        return TCA_OK;
    void *array = sweep->loss;
    int error = more_room(&array, &sweep->loss_room, sweep->losses, sizeof loss);
    if (error)
        return error;
    sweep->loss = array;
    loss.conn = (uint32_t)(sweep->conns - 1);
    sweep->loss[sweep->losses++] = loss;
    return TCA_OK;
}

/* The client of an established connection sends the same again and again: a queued child would have
 * acknowledged it at once. */
static int add_losses(struct tca_sweep *sweep, const struct tca_dossier *d)
{
    const struct tca_mark *before = NULL;
    struct loss loss = {0};
    int error = TCA_OK;
    for (unsigned at = 0; at < d->mark_count && !d->m.open_refuted && !error; at++) {
        const struct tca_mark *mark = &d->mark[at];
        bool again = (mark->roles & TCA_MARK_DATA_RETX) || ((mark->roles & TCA_MARK_FIN) && mark->copy > 1);
        if (mark->side != TCA_CLIENT || mark->witness || !again || (mark->roles & TCA_MARK_OPEN_ACK))
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
           ladder->gap_ns >= 980 * MS && ladder->gap_ns <= 1145 * MS;
}

/* How far the server's clock had moved from its SYN+ACK to the child's first word, beyond the time between. */
static uint32_t skew_flags(const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    const struct tca_mark *child = tca_dossier_mark(d, TCA_MARK_CHILD, TCA_SERVER, 0);
    if (!child || !ladder->last || ladder->rungs || !child->has_ts || !ladder->last->has_ts)
        return 0;
    int64_t apart = child->time_ns - ladder->last->time_ns;
    if (apart < 0 || apart > SKEW_VALID_NS)
        return 0;
    int64_t skew = seq_diff(child->tsval, ladder->last->tsval) - apart / MS;
    return CONN_SKEW | (skew >= TCA_COOKIE_SKEW_MIN && skew <= TCA_COOKIE_SKEW_MAX ? CONN_COOKIE_SKEW : 0);
}

static uint32_t flags_of(const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    const struct tca_mirror *m = &d->m;
    const struct tca_mark *rst = tca_dossier_mark(d, TCA_MARK_RST, TCA_SERVER, 0);
    bool syn = m->side[TCA_CLIENT].syn_count > 0, synack = m->side[TCA_SERVER].synack_count > 0;
    bool idle = is_idle_open(d);
    int64_t ns;
    uint64_t frame;
    uint32_t flags = skew_flags(d, ladder);
    if (tca_server_close_wait_idle(d))
        flags |= CONN_CLOSE_WAIT;
    if (!syn && !synack)
        return flags | CONN_MIDSTREAM;
    if (tca_time_wait_absent(d))
        flags |= CONN_TIME_WAIT_ABSENT;
    if (synack && child_of(m, &ns, &frame))
        flags |= CONN_ESTABLISHED;
    if (!synack && rst)
        flags |= CONN_REFUSED;
    if (!synack && !m->side[TCA_SERVER].pkts)
        flags |= CONN_UNANSWERED;
    if (idle)
        flags |= CONN_IDLE | (only_rung_at_1s(ladder) ? CONN_ONE_RUNG : 0);
    if (ladder->rungs > 2)
        flags |= CONN_LONG_LADDER;
    if (ladder->named)
        flags |= CONN_NAMED_ACK;
    return flags;
}

/* The mirror gives these only where it is known which copies belong together. */
static void time_handshake(const struct tca_mirror *m, struct tca_conn *conn)
{
    bool known = m->syn_rtt_ns >= 0 && m->ack_rtt_ns >= 0;
    conn->server_rtt_ns = known ? clip(m->syn_rtt_ns) : UINT32_MAX;
    conn->client_rtt_ns = known ? clip(m->ack_rtt_ns) : UINT32_MAX;
}

static int add_edges(struct tca_sweep *sweep, const struct tca_dossier *d, const struct tca_ladder *ladder)
{
    if (d->m.server_syn_bare || d->m.client_synack)
        return TCA_OK; /* two openers, no listener */
    int error = add_drops(sweep, d);
    if (!error)
        error = add_synack(sweep, d);
    if (!error)
        error = add_child(sweep, d, ladder);
    if (!error)
        error = add_ignored(sweep, d, ladder);
    if (!error)
        error = add_aborted(sweep, d, ladder);
    if (!error)
        error = add_heard(sweep, d);
    return error ? error : add_losses(sweep, d);
}

static bool speaks_first(const struct tca_dossier *d)
{
    int64_t server = d->m.side[TCA_SERVER].first_data_ns, client = d->m.side[TCA_CLIENT].first_data_ns;
    return server >= 0 && (client < 0 || client > server) && !(d->m.damage & TCA_DAMAGE_START_CUT);
}

int tca_sweep_add(struct tca_sweep *sweep, const struct tca_dossier *d)
{
    void *array = sweep->conn;
    int error = sweep->conns < UINT32_MAX
                    ? more_room(&array, &sweep->conn_room, sweep->conns, sizeof *sweep->conn)
                    : TCA_EMEMORY;
    if (error)
        return error;
    sweep->conn = array;
    struct tca_ladder ladder;
    tca_ladder_read(d, &ladder);
    struct tca_conn *conn = &sweep->conn[sweep->conns++];
    bool refused = refused_before(d, &ladder) != 0;
    *conn = (struct tca_conn){.capture = d->capture,
                              .port = d->port[TCA_SERVER],
                              .family = d->family,
                              .client = client_hash(d->addr[TCA_CLIENT]),
                              .stuck = d->m.open_refuted && !refused,
                              .refused = refused,
                              .path_ns = d->m.path_to_server_ns,
                              .opened = d->m.child_proved && !d->m.open_refuted && !refused,
                              .answers = d->m.side[TCA_SERVER].first_data_ns >= 0,
                              .speaks_first = speaks_first(d),
                              .syns = clip_count(d->m.side[TCA_CLIENT].syn_count),
                              .synacks = clip_count(d->m.side[TCA_SERVER].synack_count),
                              .flags = flags_of(d, &ladder)};
    memcpy(conn->addr, d->addr[TCA_SERVER], sizeof conn->addr);
    time_handshake(&d->m, conn);
    return add_edges(sweep, d, &ladder);
}

/* ---- listeners ---- */

static int compare_u32(uint32_t a, uint32_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_places(uint32_t capture_a, const uint8_t *addr_a, uint16_t port_a, uint32_t capture_b,
                          const uint8_t *addr_b, uint16_t port_b)
{
    int order = compare_u32(capture_a, capture_b);
    if (!order)
        order = memcmp(addr_a, addr_b, 16);
    return order ? order : compare_u32(port_a, port_b);
}

/* References for sorting connections by listener without moving them: edges know them by number. */
struct conn_ref {
    const struct tca_conn *conn;
};

static int compare_conns(const void *left, const void *right)
{
    const struct tca_conn *a = ((const struct conn_ref *)left)->conn,
                          *b = ((const struct conn_ref *)right)->conn;
    return compare_places(a->capture, a->addr, a->port, b->capture, b->addr, b->port);
}

static int compare_edges(const void *left, const void *right)
{
    const struct tca_edge *a = left, *b = right;
    int order = compare_u32(a->listener, b->listener);
    if (!order)
        order = a->time_ns < b->time_ns ? -1 : a->time_ns > b->time_ns;
    if (!order)
        order = a->frame < b->frame ? -1 : a->frame > b->frame;
    return order ? order : (int)a->kind - (int)b->kind;
}

static int compare_numbers(const void *left, const void *right)
{
    return compare_u32(*(const uint32_t *)left, *(const uint32_t *)right);
}

static void count_conn(struct tca_listener *l, const struct tca_conn *conn)
{
    l->flows++;
    l->established += (conn->flags & CONN_ESTABLISHED) != 0;
    l->refused += (conn->flags & CONN_REFUSED) != 0;
    l->unanswered += (conn->flags & CONN_UNANSWERED) != 0;
    l->midstream += (conn->flags & CONN_MIDSTREAM) != 0;
    l->idle_opens += (conn->flags & CONN_IDLE) != 0;
    l->one_rung_at_1s += (conn->flags & CONN_ONE_RUNG) != 0;
    l->long_ladders += (conn->flags & CONN_LONG_LADDER) != 0;
    l->stuck_flows += conn->stuck;
    l->spoke += conn->answers;
    l->named_acks += (conn->flags & CONN_NAMED_ACK) != 0;
    l->close_wait_flows += (conn->flags & CONN_CLOSE_WAIT) != 0;
    l->time_wait_absent += (conn->flags & CONN_TIME_WAIT_ABSENT) != 0;
    l->skew_flows += (conn->flags & CONN_SKEW) != 0;
    l->cookie_skew_flows += (conn->flags & CONN_COOKIE_SKEW) != 0;
    l->aborted_opens += (conn->flags & CONN_ABORTED) != 0;
    l->syn_count += conn->syns;
    l->synack_count += conn->synacks;
    l->listens |= conn->synacks > 0;
}

/* The median of a field over connections with a clean handshake; -1 without one. `number` is scratch. */
static int64_t median_rtt(const struct conn_ref *ref, size_t count, bool server, uint32_t *number)
{
    size_t used = 0;
    for (size_t at = 0; at < count; at++) {
        uint32_t ns = server ? ref[at].conn->server_rtt_ns : ref[at].conn->client_rtt_ns;
        if (ns != UINT32_MAX)
            number[used++] = ns;
    }
    if (!used)
        return -1;
    qsort(number, used, sizeof *number, compare_numbers);
    return number[(used - 1) / 2];
}

/* Which end is near: a round trip under 0.3 ms touches a host, if the other one is clearly
 * longer. */
static enum tca_vantage vantage_of(int64_t server_rtt_ns, int64_t client_rtt_ns)
{
    bool server_near = server_rtt_ns < LAN_NS, client_near = client_rtt_ns < LAN_NS;
    if (server_rtt_ns < 0 || client_rtt_ns < 0)
        return TCA_VANTAGE_UNKNOWN;
    if (server_near && client_near)
        return TCA_VANTAGE_SAME_HOST;
    if (server_near)
        return client_rtt_ns > 3 * server_rtt_ns ? TCA_VANTAGE_SERVER : TCA_VANTAGE_UNKNOWN;
    if (client_near)
        return server_rtt_ns > 3 * client_rtt_ns ? TCA_VANTAGE_CLIENT : TCA_VANTAGE_UNKNOWN;
    return TCA_VANTAGE_MIDDLE;
}

static void build_listener(struct tca_listener *l, const struct conn_ref *ref, size_t count, uint32_t *number)
{
    const struct tca_conn *first = ref[0].conn;
    *l = nothing_known;
    memcpy(l->addr, first->addr, sizeof l->addr);
    l->port = first->port;
    l->family = first->family;
    l->capture = first->capture;
    for (size_t at = 0; at < count; at++)
        count_conn(l, ref[at].conn);
    l->server_rtt_ns = median_rtt(ref, count, true, number);
    l->client_rtt_ns = median_rtt(ref, count, false, number);
    l->vantage = vantage_of(l->server_rtt_ns, l->client_rtt_ns);
}

static size_t same_place(const struct conn_ref *ref, size_t at, size_t count)
{
    size_t end = at + 1;
    while (end < count && !compare_conns(&ref[at], &ref[end]))
        end++;
    return end;
}

/* A listener without a clean handshake is seen from where its host's other listeners are seen. */
static void borrow_vantage(struct tca_sweep *sweep)
{
    for (size_t at = 0, end; at < sweep->listeners; at = end) {
        const struct tca_listener *first = &sweep->listener[at];
        enum tca_vantage known = TCA_VANTAGE_UNKNOWN;
        for (end = at; end < sweep->listeners && sweep->listener[end].capture == first->capture &&
                       !memcmp(sweep->listener[end].addr, first->addr, sizeof first->addr);
             end++)
            if (!known)
                known = sweep->listener[end].vantage;
        for (size_t one = at; one < end; one++)
            if (sweep->user)
                sweep->listener[one].vantage = sweep->user;
            else if (sweep->listener[one].server_rtt_ns < 0)
                sweep->listener[one].vantage = known;
    }
}

/* Number the listeners in order, tell every connection its number, and build them. `ref` and `number` are
 * scratch for one entry per connection. */
static int build_listeners(struct tca_sweep *sweep, struct conn_ref *ref, uint32_t *number)
{
    for (size_t at = 0; at < sweep->conns; at++)
        ref[at].conn = &sweep->conn[at];
    qsort(ref, sweep->conns, sizeof *ref, compare_conns);
    size_t count = 0;
    for (size_t at = 0; at < sweep->conns; at = same_place(ref, at, sweep->conns))
        count++;
    sweep->listener = tca_alloc(count * sizeof *sweep->listener);
    if (!sweep->listener)
        return TCA_EMEMORY;
    for (size_t at = 0, end; at < sweep->conns; at = end) {
        end = same_place(ref, at, sweep->conns);
        for (size_t one = at; one < end; one++)
            sweep->conn[ref[one].conn - sweep->conn].listener = (uint32_t)sweep->listeners;
        build_listener(&sweep->listener[sweep->listeners++], &ref[at], end - at, number);
    }
    borrow_vantage(sweep);
    return TCA_OK;
}

/* ---- edges of one listener ---- */

/* The last copy of a SYN is undecided if the capture ended before an answer could have come. */
static size_t leave_out_undecided(const struct tca_listener *l, struct tca_edge *edge, size_t count)
{
    int64_t patience = ANSWER_NS + (l->server_rtt_ns > 0 ? 4 * l->server_rtt_ns : 0);
    size_t kept = 0;
    for (size_t at = 0; at < count; at++)
        if (edge[at].kind != TCA_EDGE_DROP || !edge[at].open_end ||
            edge[at].other_ns - edge[at].time_ns > patience)
            edge[kept++] = edge[at];
    return kept;
}

static void find_synacks(struct tca_listener *l, const struct tca_edge *edge, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        if (edge[at].kind != TCA_EDGE_SYNACK)
            continue;
        if (l->first_synack_ns < 0)
            l->first_synack_ns = edge[at].time_ns;
        if (edge[at].other_ns > l->last_synack_ns)
            l->last_synack_ns = edge[at].other_ns;
    }
}

/* Active RSTs on wordless connections, as far as the listener did not go on answering: it would have been
 * closed. */
static size_t closing_resets(struct tca_edge *edge, size_t count, size_t *index)
{
    size_t resets = 0;
    int64_t next_synack_ns = INT64_MAX;
    for (size_t at = count; at-- > 0;) {
        if (edge[at].kind == TCA_EDGE_SYNACK)
            next_synack_ns = edge[at].time_ns;
        edge[at].open_end |= edge[at].kind == TCA_EDGE_CLOSED && next_synack_ns != INT64_MAX &&
                             next_synack_ns - edge[at].time_ns <= STILL_OPEN_NS;
    }
    for (size_t at = 0; at < count; at++)
        if (edge[at].kind == TCA_EDGE_CLOSED && !edge[at].open_end)
            index[resets++] = at;
    return resets;
}

/* Several within 10 ms: the listener was closed and reset its whole queue. Sets the largest burst; marks the
 * edges of every burst by weight 0. */
static void find_bursts(struct tca_listener *l, struct tca_edge *edge, size_t count, size_t *index)
{
    size_t resets = closing_resets(edge, count, index);
    for (size_t from = 0, to = 0, marked = 0; to < resets; to++) {
        while (edge[index[to]].time_ns - edge[index[from]].time_ns > BURST_NS)
            from++;
        if (to - from + 1 > l->closed_burst) {
            l->closed_burst = to - from + 1;
            l->closed_burst_ns = edge[index[from]].time_ns;
        }
        if (to - from + 1 >= BURST_MIN)
            for (marked = marked > from ? marked : from; marked <= to; marked++)
                edge[index[marked]].weight = 0;
    }
}

/* Children reset in such a burst were never accepted. `bursting` is scratch, a flag per connection. */
static void forget_proofs(struct tca_edge *edge, size_t count, uint8_t *bursting)
{
    for (size_t at = 0; at < count; at++)
        if (edge[at].kind == TCA_EDGE_CLOSED && !edge[at].weight)
            bursting[edge[at].conn] = 1;
    for (size_t at = 0; at < count; at++)
        if (edge[at].kind == TCA_EDGE_CHILD && edge[at].open_end && bursting[edge[at].conn])
            edge[at].other_ns = INT64_MAX;
}

/* Accepted and answered as soon as it asked: accept() takes the oldest, so nobody waited in the queue before it. */
static bool served_at_once(const struct tca_edge *child)
{
    int64_t since =
        child->ask_ns != INT64_MAX && child->ask_ns > child->time_ns ? child->ask_ns : child->time_ns;
    return child->other_ns != INT64_MAX && child->other_ns - since <= AT_ONCE_NS;
}

/* The moments of one kind, in order. Returns how many; each edge is at most one moment. */
static size_t keep_moments(struct tca_sweep *sweep, const struct tca_edge *edge, size_t count, bool drops,
                           const int64_t **ret_first)
{
    size_t before = sweep->moments;
    for (size_t at = 0; at < count; at++) {
        bool admitted =
            edge[at].kind == TCA_EDGE_CHILD && sweep->conn[edge[at].conn].opened && served_at_once(&edge[at]);
        bool dropped = edge[at].kind == TCA_EDGE_DROP && !edge[at].weak;
        if (drops ? dropped : admitted)
            sweep->moment[sweep->moments++] = edge[at].time_ns;
    }
    *ret_first = sweep->moment + before;
    return sweep->moments - before;
}

/* The shortest round trip to the server: that of a SYN which met no delay. */
static int64_t shortest_path(const struct tca_sweep *sweep, const struct tca_edge *edge, size_t count)
{
    int64_t shortest = -1;
    for (size_t at = 0; at < count; at++) {
        int64_t path = sweep->conn[edge[at].conn].path_ns;
        if (path >= 0 && (shortest < 0 || path < shortest))
            shortest = path;
    }
    return shortest;
}

/* What decides is the order at the server: of what goes towards it, the order of passing; of what comes from it,
 * that order less the round trip between. */
static void order_as_at_server(const struct tca_sweep *sweep, struct tca_edge *edge, size_t count)
{
    int64_t path = shortest_path(sweep, edge, count);
    if (path < LAN_NS)
        return;
    for (size_t at = 0; at < count; at++) {
        struct tca_edge *one = &edge[at];
        if (one->kind == TCA_EDGE_SYNACK || one->kind == TCA_EDGE_HEARD)
            one->time_ns -= path;
        else if (one->kind == TCA_EDGE_CHILD && one->other_ns != INT64_MAX)
            one->other_ns = one->other_ns - path > one->time_ns ? one->other_ns - path : one->time_ns;
    }
    qsort(edge, count, sizeof *edge, compare_edges);
}

static int sweep_listener(struct tca_sweep *sweep, struct tca_edge *edge, size_t count,
                          const struct tca_losses *loss, size_t *index, uint8_t *bursting)
{
    struct tca_listener *l = &sweep->listener[edge->listener];
    count = leave_out_undecided(l, edge, count);
    find_synacks(l, edge, count);
    find_bursts(l, edge, count, index);
    forget_proofs(edge, count, bursting);
    order_as_at_server(sweep, edge, count);
    l->admitted = keep_moments(sweep, edge, count, false, &l->admitted_ns);
    l->dropped = keep_moments(sweep, edge, count, true, &l->dropped_ns);
    struct tca_episode *episode = NULL;
    int error = tca_episodes_find(l, edge, count, sweep->conn, loss, &episode);
    l->episode = episode;
    return error;
}

/* ---- losses of one host ---- */

static int compare_losses(const void *left, const void *right)
{
    const struct loss *a = left, *b = right;
    return compare_u32(a->listener, b->listener);
}

static int compare_times(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

static bool same_host(const struct tca_listener *a, const struct tca_listener *b)
{
    return a->capture == b->capture && !memcmp(a->addr, b->addr, sizeof a->addr);
}

/* The losses of all hosts by listener, whose host's are side by side. `time` holds twice as many: where those
 * of the present host begin, and where they end. */
struct loss_walk {
    int64_t *time;
    size_t next;
    const struct tca_listener *host;
    struct tca_losses found;
};

static void find_losses(const struct tca_sweep *sweep, struct loss_walk *walk, const struct tca_listener *l)
{
    if (walk->host && same_host(walk->host, l))
        return;
    size_t used = 0, at = walk->next;
    int64_t *from = walk->time, *to = walk->time + sweep->losses;
    const struct tca_listener *first = l;
    while (first > sweep->listener && same_host(first - 1, l))
        first--;
    while (at < sweep->losses && sweep->loss[at].listener < (uint32_t)(first - sweep->listener))
        at++;
    for (; at < sweep->losses && same_host(&sweep->listener[sweep->loss[at].listener], l); at++) {
        from[used] = sweep->loss[at].from_ns;
        to[used++] = sweep->loss[at].to_ns;
    }
    if (used) {
        qsort(from, used, sizeof *from, compare_times);
        qsort(to, used, sizeof *to, compare_times);
    }
    walk->next = at;
    walk->host = l;
    walk->found = (struct tca_losses){from, to, used};
}

static int sort_losses(struct tca_sweep *sweep, struct loss_walk *walk)
{
    for (size_t at = 0; at < sweep->losses; at++)
        sweep->loss[at].listener = sweep->conn[sweep->loss[at].conn].listener;
    if (sweep->losses)
        qsort(sweep->loss, sweep->losses, sizeof *sweep->loss, compare_losses);
    walk->time = tca_alloc(2 * sweep->losses * sizeof *walk->time);
    return walk->time ? TCA_OK : TCA_EMEMORY;
}

static int sweep_edges(struct tca_sweep *sweep, size_t *index, uint8_t *bursting)
{
    struct loss_walk walk = {0};
    for (size_t at = 0; at < sweep->edges; at++)
        sweep->edge[at].listener = sweep->conn[sweep->edge[at].conn].listener;
    if (sweep->edges)
        qsort(sweep->edge, sweep->edges, sizeof *sweep->edge, compare_edges);
    int error = sort_losses(sweep, &walk);
    for (size_t at = 0, end; at < sweep->edges && !error; at = end) {
        for (end = at + 1; end < sweep->edges && sweep->edge[end].listener == sweep->edge[at].listener;)
            end++;
        find_losses(sweep, &walk, &sweep->listener[sweep->edge[at].listener]);
        error = sweep_listener(sweep, &sweep->edge[at], end - at, &walk.found, index, bursting);
    }
    tca_free(walk.time);
    return error;
}

/* ---- the sweep ---- */

int tca_sweep_new(enum tca_vantage user, struct tca_sweep **ret_sweep)
{
    struct tca_sweep *sweep = tca_alloc(sizeof *sweep);
    if (!sweep)
        return TCA_EMEMORY;
    sweep->user = user;
    *ret_sweep = sweep;
    return TCA_OK;
}

int tca_sweep_run(struct tca_sweep *sweep)
{
    if (!sweep->conns)
        return TCA_OK;
    struct conn_ref *ref = tca_alloc(sweep->conns * sizeof *ref);
    uint32_t *number = tca_alloc(sweep->conns * sizeof *number);
    int error = ref && number ? build_listeners(sweep, ref, number) : TCA_EMEMORY;
    tca_free(ref);
    tca_free(number);
    if (error)
        return error;
    size_t *index = tca_alloc(sweep->edges * sizeof *index);
    uint8_t *bursting = tca_alloc(sweep->conns);
    sweep->moment = tca_alloc(sweep->edges * sizeof *sweep->moment);
    error = index && bursting && sweep->moment ? sweep_edges(sweep, index, bursting) : TCA_EMEMORY;
    tca_free(index);
    tca_free(bursting);
    tca_free(sweep->edge);
    sweep->edge = NULL;
    sweep->edges = sweep->edge_room = 0;
    tca_free(sweep->loss);
    sweep->loss = NULL;
    sweep->losses = sweep->loss_room = 0;
    tca_free(sweep->conn);
    sweep->conn = NULL;
    sweep->conns = sweep->conn_room = 0;
    return error;
}

const struct tca_listener *tca_sweep_find(const struct tca_sweep *sweep, const struct tca_dossier *d)
{
    size_t low = 0, high = sweep->listeners;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        const struct tca_listener *l = &sweep->listener[at];
        int order = compare_places(l->capture, l->addr, l->port, d->capture, d->addr[TCA_SERVER],
                                   d->port[TCA_SERVER]);
        if (!order)
            return l;
        if (order < 0)
            low = at + 1;
        else
            high = at;
    }
    return &nothing_known;
}

size_t tca_sweep_count(const struct tca_sweep *sweep)
{
    return sweep ? sweep->listeners : 0;
}

const struct tca_listener *tca_sweep_at(const struct tca_sweep *sweep, size_t index)
{
    return &sweep->listener[index];
}

void tca_sweep_free(struct tca_sweep *sweep)
{
    if (!sweep)
        return;
    for (size_t at = 0; at < sweep->listeners; at++)
        tca_free((void *)(uintptr_t)sweep->listener[at].episode);
    tca_free(sweep->listener);
    tca_free(sweep->moment);
    tca_free(sweep->conn);
    tca_free(sweep->edge);
    tca_free(sweep->loss);
    tca_free(sweep);
}

/* How many of the sorted times are before this one. */
static size_t count_before(const int64_t *time, size_t count, int64_t limit_ns)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        if (time[at] < limit_ns)
            low = at + 1;
        else
            high = at;
    }
    return low;
}

bool tca_listener_admits(const struct tca_listener *l, int64_t from_ns, int64_t to_ns)
{
    if (to_ns <= from_ns ||
        count_before(l->dropped_ns, l->dropped, to_ns) != count_before(l->dropped_ns, l->dropped, from_ns))
        return false;
    return count_before(l->admitted_ns, l->admitted, to_ns) !=
           count_before(l->admitted_ns, l->admitted, from_ns);
}

const struct tca_episode *tca_listener_episode(const struct tca_listener *l, int64_t time_ns,
                                               int64_t slack_ns)
{
    for (unsigned at = 0; at < l->episode_count; at++) {
        const struct tca_episode *e = &l->episode[at];
        if (time_ns >= e->first_ns - slack_ns && time_ns <= e->last_ns + slack_ns)
            return e;
    }
    return NULL;
}
