/* SPDX-License-Identifier: MIT
 *
 * What becomes of segments. A shard knows one tuple at a time; whatever needs another connection waits for pass 2, so that
 * results do not depend on when a flow was taken out of memory. The code for joining and that for using do not fit into a
 * processor's instruction cache at once: so a whole chunk joins, and then what is ripe is used.
 */
#include "engine/shard.h"

#include "base/alloc.h"
#include "base/apart.h"
#include "base/seed.h"
#include "engine/lone.h"
#include "engine/run.h"
#include "flow/partition.h"
#include "mirror/deviations.h"
#include "mirror/history.h"
#include "mirror/pack.h"

#include <string.h>

/* A power of two, so that places follow each other where counts begin anew. */
enum { QUEUE_ROOM = 8192 };
_Static_assert((int)QUEUE_ROOM >= (int)TCA_ORDER_SLOTS + (int)TCA_ORDER_ROOM,
               "those of a chunk, and those before it");

static const int64_t RETRY_NS = INT64_C(60000000000);

static struct tca_mirror *mirror_of(struct tca_flow *flow)
{
    return (void *)flow->payload;
}

/* A mirror that has not begun has seen no segment: all of its flow's were left out. */
static bool begun(struct tca_flow *flow)
{
    return mirror_of(flow)->begun;
}

/* ---- what is over ---- */

static int flow_over(void *user, struct tca_flow *flow)
{
    struct tca_shard *sh = user;
    struct tca_mirror *m = mirror_of(flow);
    if (!begun(flow))
        return TCA_OK;
    if (flow->cut_short)
        m->damage |= TCA_DAMAGE_CUT_SHORT;
    int error = tca_mirror_finish(&sh->mirrors, m);
    sh->mixed_tags += flow->mixed_tags;
    if (!error)
        error = tca_spool_put(sh, flow);
    tca_mirror_free(&sh->mirrors, m);
    return error;
}

static int piece_over(void *user, const struct tca_key *key, const struct tca_piece *piece)
{
    struct tca_session *s = ((struct tca_shard *)user)->s;
    pthread_mutex_lock(&s->lock);
    int error = tca_streams_put(s->streams, s->open->facts.ordinal, key, piece);
    pthread_mutex_unlock(&s->lock);
    return error;
}

static size_t pack_room(void *user, const struct tca_flow *flow)
{
    (void)user;
    return tca_mirror_pack_room((const void *)flow->payload);
}

static uint8_t *pack(void *user, struct tca_flow *flow, uint8_t *out)
{
    (void)user;
    return tca_mirror_pack(out, mirror_of(flow));
}

static const uint8_t *unpack(void *user, const uint8_t *in, void *payload)
{
    return tca_mirror_unpack(&((struct tca_shard *)user)->mirrors, in, payload);
}

static void note_end(struct tca_shard *sh, int64_t time_ns)
{
    if (time_ns > sh->end_ns)
        sh->end_ns = time_ns;
}

TCA_APART static int write_trace(const struct tca_shard *sh, const struct tca_segment *seg,
                                 const struct tca_flow_found *found)
{
    struct tca_trace t;
    memset(&t, 0, sizeof t);
    t.time_ns = seg->time_ns;
    t.frame = seg->frame;
    t.flow_frame = found->flow->first_frame;
    t.capture = sh->s->open->facts.ordinal;
    t.seq = seg->seq;
    t.ack = seg->ack;
    t.len = seg->len;
    t.tsval = seg->opt.tsval;
    t.tsecr = seg->opt.tsecr;
    t.flags = seg->flags;
    t.window = seg->window;
    t.from = found->from;
    t.icmp = seg->quoted;
    t.has_ts = seg->opt.has_ts;
    t.capture_copy = found->copy;
    t.late = found->newer != NULL;
    t.icmp_type = seg->icmp_type;
    t.icmp_code = seg->icmp_code;
    return fwrite(&t, sizeof t, 1, sh->s->trace) == 1 ? TCA_OK : TCA_EOUTPUT;
}

static int trace_segment(const struct tca_shard *sh, const struct tca_segment *seg,
                         const struct tca_flow_found *found)
{
    return sh->s->trace ? write_trace(sh, seg, found) : TCA_OK;
}

/* ---- the incarnation before ---- */

static bool both_closed(const struct tca_mirror *m)
{
    for (int role = 0; role < 2; role++) {
        enum tca_state state = tca_side_state(&m->side[role]);
        if (state != TCA_CLOSED && state != TCA_TIME_WAIT)
            return false;
    }
    return true;
}

static void snapshot_side(struct tca_prior *prior, int role, const struct tca_side *old, int64_t now_ns)
{
    prior->state[role] = (uint8_t)tca_side_state(old);
    prior->iss[role] = old->iss;
    prior->iss_known[role] = old->iss_known;
    prior->snd_nxt[role] = old->snd_nxt;
    prior->nxt_known[role] = old->nxt_known;
    prior->acked[role] = old->acked;
    prior->acked_known[role] = old->acked_known;
    prior->tsval_last[role] = old->tsval_last;
    prior->ts_recent[role] = old->ts_recent;
    prior->ts_on[role] = old->ts_on;
    prior->isn_age_ns[role] = old->iss_known && old->first_ns >= 0 ? now_ns - old->first_ns : -1;
    if (prior->state[role] == TCA_TIME_WAIT && old->timer_ns > prior->time_wait_ns)
        prior->time_wait_ns = old->timer_ns;
}

/* What the new flow must know of the old one, by the new flow's roles. */
static void snapshot_prior(struct tca_shard *sh, struct tca_mirror *m, struct tca_flow *flow,
                           struct tca_flow *old, int64_t now_ns)
{
    struct tca_mirror *om = mirror_of(old);
    bool same = flow->client == old->client;
    tca_mirror_clock(om, now_ns);
    m->prior = (struct tca_prior){.exists = true,
                                  .first_frame = old->first_frame,
                                  .capture = sh->s->open->facts.ordinal,
                                  .last_ns = om->last_ns,
                                  .time_wait_ns = -1,
                                  .same_client = same,
                                  .active_closer = 2};
    for (int role = 0; role < 2; role++)
        snapshot_side(&m->prior, same ? role : 1 - role, &om->side[role], now_ns);
    if (om->first_fin <= 1)
        m->prior.active_closer = same ? om->first_fin : (uint8_t)(1 - om->first_fin);
}

/* The client of this one is still in SYN_SENT, or left it less than a minute after its last SYN because nothing came: an
 * application that waits for so long and tries again. Who was refused, or waits longer, begins anew. */
static bool tries_on(struct tca_flow *old, int64_t now_ns)
{
    const struct tca_mirror *om = mirror_of(old);
    const struct tca_side *client = &om->side[TCA_CLIENT];
    const struct tca_step *top = tca_history_top(client);
    bool gave_up = top && top->event == TCA_TIMER_USER && now_ns - om->last_ns < RETRY_NS;
    return old->opened_by_syn && !old->committed && !om->side[TCA_SERVER].pkts &&
           (tca_side_state(client) == TCA_SYN_SENT || gave_up);
}

/* Another SYN with a new number: these are attempts to open one connection. The older row is still here to be told so. */
static void join_attempts(struct tca_flow *flow, struct tca_flow *old, int64_t now_ns)
{
    if (flow->client != old->client || !flow->opened_by_syn || !tries_on(old, now_ns))
        return;
    if (!old->attempt_of)
        old->attempt_of = old->first_frame;
    flow->attempt_of = old->attempt_of;
    old->anew_ns = now_ns;
    tca_mirror_anew(mirror_of(old), now_ns);
}

/* The newest SYN was answered: what was before on this tuple is over. Where that was left out nobody is to know of it: the older
 * rows are those of a capture without it. */
static int commit(struct tca_shard *sh, struct tca_flow *flow, int64_t now_ns, bool left_out)
{
    for (struct tca_flow *old = flow->older; !left_out && old && !old->replaced; old = old->older) {
        struct tca_mirror *om = mirror_of(old);
        if (!begun(old))
            continue;
        tca_mirror_clock(om, now_ns);
        om->end_ns = now_ns;
        om->killed_by_reuse = !both_closed(om);
    }
    return tca_flow_replace_older(sh->flows, flow);
}

/* ---- segments ---- */

static bool gone(const struct tca_side *side)
{
    enum tca_state state = tca_side_state(side);
    return state == TCA_CLOSED || state == TCA_TIME_WAIT || state == TCA_LISTEN ||
           (state == TCA_UNKNOWN && !side->pkts);
}

static inline enum tca_flow_class age_class(const struct tca_flow_found *found)
{
    const struct tca_mirror *m = mirror_of(found->flow);
    const struct tca_side *client = &m->side[TCA_CLIENT], *server = &m->side[TCA_SERVER];
    if (!m->begun) /* left out so far: the numbers alone tell, so that a filter changes no connection's name */
        return found->flow->committed || found->commits ? TCA_FLOW_LIVE : TCA_FLOW_OPENING;
    if (m->calm)
        return TCA_FLOW_LIVE;
    if (gone(client) && gone(server))
        return TCA_FLOW_OVER;
    if (tca_side_state(client) == TCA_SYN_SENT)
        return TCA_FLOW_OPENING;
    return TCA_FLOW_LIVE;
}

/* piece: the frame of that of its stream. Where all before was left out, and in an older file, the row is of this one. */
static void begin_flow(struct tca_shard *sh, const struct tca_flow_found *found,
                       const struct tca_segment *seg, uint64_t piece)
{
    sh->now->flows++;
    sh->flow_count++;
    if (found->flow->stream_frame < sh->now->first_frame && piece)
        found->flow->stream_frame = piece;
    struct tca_mirror *m = mirror_of(found->flow);
    tca_mirror_begin(m, seg);
    if (found->prior && begun(found->prior)) {
        snapshot_prior(sh, m, found->flow, found->prior, seg->time_ns);
        join_attempts(found->flow, found->prior, seg->time_ns);
    }
}

/* The peer of this segment's sender went on with the older connection after the SYN of the newer one. */
static bool spoke_since(const struct tca_flow_found *found)
{
    const struct tca_side *peer = &mirror_of(found->flow)->side[1 - found->from];
    int64_t since_ns = mirror_of(found->witness)->start_ns;
    return peer->last_data_ns > since_ns || (peer->fin_count && peer->fin_last_ns > since_ns);
}

static int tell_witness(struct tca_shard *sh, const struct tca_flow_found *found,
                        const struct tca_segment *seg)
{
    if (!found->witness || !begun(found->witness) || !found->witness->opened_by_syn)
        return TCA_OK;
    int from = found->witness->client == found->flow->client ? found->from : 1 - found->from;
    if (!(seg->flags & TCA_RST) && spoke_since(found))
        return TCA_OK; /* its ordinary acknowledgment */
    return tca_mirror_witness(&sh->mirrors, mirror_of(found->witness), seg, from);
}

static inline int mirror_segment(struct tca_shard *sh, const struct tca_flow_found *found,
                                 const struct tca_segment *seg, uint64_t piece)
{
    struct tca_mirror *m = mirror_of(found->flow);
    sh->now->tcp_packets++;
    note_end(sh, seg->time_ns);
    if (!begun(found->flow))
        begin_flow(sh, found, seg, piece);
    int error = tca_mirror_step(&sh->mirrors, m, seg, found->from);
    if (!error)
        error = tell_witness(sh, found, seg);
    return error ? error : trace_segment(sh, seg, found);
}

/* Of a connection whose ports another one has taken meanwhile: its states are settled. Who gets it knows the newer one. */
static int count_late(struct tca_shard *sh, const struct tca_flow_found *found, const struct tca_segment *seg)
{
    sh->now->tcp_packets++;
    note_end(sh, seg->time_ns);
    tca_mirror_stray(mirror_of(found->newer), seg,
                     found->newer->client == found->flow->client ? found->from : 1 - found->from);
    if (!begun(found->flow))
        return TCA_OK;
    int error = tca_mirror_late(&sh->mirrors, mirror_of(found->flow), seg, found->from);
    return error ? error : trace_segment(sh, seg, found);
}

/* What the capture shows a second time is counted, and nothing else comes of it. */
static int count_copy(struct tca_shard *sh, const struct tca_flow_found *found, const struct tca_segment *seg)
{
    sh->now->duplicates++;
    sh->now->tcp_packets += !seg->quoted;
    if (!found->flow || !begun(found->flow))
        return TCA_OK;
    if (!seg->quoted)
        tca_mirror_copy(mirror_of(found->flow), found->from);
    return trace_segment(sh, seg, found);
}

/* A connection to this port is left out: its listener is not seen whole. What comes after a time window is not in its
 * queue within the window. */
static int note_left_out(struct tca_shard *sh, const struct tca_segment *seg)
{
    if (!(seg->flags & TCA_SYN) || (sh->s->set.has_before && seg->time_ns >= sh->s->set.before_ns))
        return TCA_OK;
    if (!sh->left_out && !(sh->left_out = tca_alloc(TCA_PORT_BITS)))
        return TCA_EMEMORY;
    uint16_t port = seg->flags & TCA_ACK ? seg->sport : seg->dport;
    sh->left_out[port / 8] |= (uint8_t)(1 << port % 8);
    return TCA_OK;
}

/* A SYN that is all of its tuple so far: its flow is made of it once there is more. */
static int use_alone(struct tca_shard *sh, const struct tca_waiting *w, bool *ret_alone)
{
    int error = tca_flow_use_alone(sh->flows, w, ret_alone);
    if (error || !*ret_alone)
        return error;
    sh->now->tcp_packets++;
    sh->now->flows++;
    sh->flow_count++;
    note_end(sh, w->seg.time_ns);
    return TCA_OK;
}

/* The class of its flow may be another one now. */
static void note_class(struct tca_shard *sh, const struct tca_flow_found *found,
                       const struct tca_segment *seg)
{
    enum tca_flow_class now = age_class(found);
    if (now != TCA_FLOW_LIVE)
        tca_flow_note(sh->flows, found->flow, seg, found->side, now);
}

/* Its flow has taken it: what is left is its mirror, and the class. */
TCA_APART static int use_taken(struct tca_shard *sh, struct tca_flow *flow, const struct tca_waiting *w)
{
    const struct tca_flow_found found = {.flow = flow, .side = w->side, .from = w->side != flow->client};
    int error = mirror_segment(sh, &found, &w->seg, w->stream_frame);
    if (!error)
        note_class(sh, &found, &w->seg);
    return error;
}

/* Nearly always nothing but the mirror, and that stays calm. */
static int use_calm(struct tca_shard *sh, struct tca_flow *flow, const struct tca_waiting *w)
{
    struct tca_mirror *m = mirror_of(flow);
    if (!m->calm || sh->s->trace)
        return use_taken(sh, flow, w);
    sh->now->tcp_packets++;
    note_end(sh, w->seg.time_ns);
    int error = tca_mirror_step(&sh->mirrors, m, &w->seg, w->side != flow->client);
    if (m->calm || error)
        return error;
    const struct tca_flow_found found = {.flow = flow, .side = w->side, .from = w->side != flow->client};
    note_class(sh, &found, &w->seg);
    return TCA_OK;
}

/* A segment that was left out numbers its connection and moves its sequence spaces, no more. */
static int use_segment(struct tca_shard *sh, const struct tca_waiting *w)
{
    bool alone = false;
    int early = w->tuple ? TCA_OK : use_alone(sh, w, &alone);
    if (early || alone)
        return early;
    const struct tca_segment *seg = &w->seg;
    struct tca_flow_found found;
    /* One from a far future, behind which the file goes on as before, ends nothing. */
    int64_t now_ns = seg->time_ns < sh->now_ns ? seg->time_ns : sh->now_ns;
    struct tca_flow *taken = w->left_out ? NULL : tca_flow_take(sh->flows, w, now_ns);
    if (taken)
        return use_calm(sh, taken, w);
    const struct tca_flow_met met = {.tuple = w->tuple,
                                     .stream = w->stream,
                                     .stream_frame = w->stream_frame,
                                     .side = w->side,
                                     .now_ns = now_ns};
    int error = tca_flow_find(sh->flows, &met, seg, &found);
    if (error)
        return error;
    if (found.copy)
        return w->left_out ? TCA_OK : count_copy(sh, &found, seg);
    if (found.newer && !w->left_out && !begun(found.newer))
        found.newer = NULL; /* of which nobody is to know */
    if (found.newer)
        return w->left_out ? TCA_OK : count_late(sh, &found, seg);
    error = w->left_out ? note_left_out(sh, seg) : mirror_segment(sh, &found, seg, w->stream_frame);
    if (!error && found.commits)
        error = commit(sh, found.flow, seg->time_ns, w->left_out);
    if (!error)
        tca_flow_note(sh->flows, found.flow, seg, found.side, age_class(&found));
    return error;
}

static int use_quoted(struct tca_shard *sh, const struct tca_waiting *w)
{
    const struct tca_segment *quote = &w->seg;
    const struct tca_flow_met met = {.tuple = w->tuple};
    struct tca_flow_found found;
    int error = tca_flow_find_quoted(sh->flows, &met, quote, &found);
    if (error)
        return error;
    if (found.copy)
        return count_copy(sh, &found, quote);
    note_end(sh, quote->time_ns);
    if (!found.flow || !begun(found.flow))
        return TCA_OK;
    bool from_peer = !memcmp(quote->icmp_from, quote->dst, 16);
    error = tca_mirror_icmp(&sh->mirrors, mirror_of(found.flow), quote, found.from, from_peer);
    return error ? error : trace_segment(sh, quote, &found);
}

/* ---- chunks ---- */

static struct tca_queued *queued(const struct tca_shard *sh, unsigned at)
{
    return &sh->waiting[at % QUEUE_ROOM];
}

/* What later ones will touch begins to come from memory, the tuple first, by which the rest is found. */
static void fetch_ahead(const struct tca_shard *sh, unsigned at, bool far)
{
    enum { FLOW_AHEAD = 4, TUPLE_AHEAD = 10 };
    if (sh->joined - at <= TUPLE_AHEAD)
        return;
    const struct tca_queued *later = queued(sh, at + TUPLE_AHEAD);
    tca_order_fetch(later->one);
    if (!far)
        return;
    if (later->tuple)
        tca_flow_fetch_tuple(later->tuple);
    later = queued(sh, at + FLOW_AHEAD);
    if (later->tuple)
        tca_flow_fetch(sh->flows, later->tuple);
}

/* It joined alone, and something else of its tuple comes. */
static void rejoin(void *user, struct tca_waiting *w, struct tca_lane *lane)
{
    struct tca_shard *sh = user;
    struct tca_stream *stream = w->stream;
    tca_peers_step((void *)stream->payload, &w->seg, w->side, sh->mirrors.strict_checksums);
    tca_order_join(&sh->s->order, w, lane);
}

TCA_APART static int join_alone(struct tca_shard *sh, struct tca_waiting *w, const struct tca_flow_look *look,
                                bool *ret_alone)
{
    return w->left_out || sh->s->trace ? TCA_OK : tca_flow_meet_alone(sh->flows, w, look, ret_alone);
}

/* Its tuple and its stream, the long way. *ret_lane NULL: it is all of its tuple so far, and has neither. */
TCA_APART static int meet(struct tca_shard *sh, struct tca_waiting *w, const struct tca_flow_look *look,
                          struct tca_lane **ret_lane)
{
    struct tca_flow_met met;
    bool alone = false;
    int error = tca_is_bare_syn(&w->seg) ? join_alone(sh, w, look, &alone) : TCA_OK;
    if (error || alone)
        return error;
    error = tca_flow_meet(sh->flows, &w->seg, look, &met);
    if (error)
        return error;
    w->tuple = met.tuple;
    w->stream = met.stream;
    w->stream_frame = met.stream_frame;
    w->side = (uint8_t)met.side;
    *ret_lane = met.lane;
    return TCA_OK;
}

/* In the order of the file: its stream, and what other programs make of that; then it waits for its turn. */
static int join_segment(struct tca_shard *sh, struct tca_waiting *w, const struct tca_flow_look *look)
{
    struct tca_lane *lane = tca_flow_meet_next(sh->flows, look, w);
    int error = lane ? TCA_OK : meet(sh, w, look, &lane);
    if (error || !lane)
        return error;
    if (w->stream && !w->left_out)
        tca_peers_step((void *)((struct tca_stream *)w->stream)->payload, &w->seg, w->side,
                       sh->mirrors.strict_checksums);
    tca_order_join(&sh->s->order, w, lane);
    return TCA_OK;
}

static int join_quote(struct tca_shard *sh, struct tca_waiting *w, const struct tca_flow_look *look)
{
    struct tca_flow_met met;
    int error = tca_flow_meet_quoted(sh->flows, look, &met);
    w->tuple = met.tuple;
    if (!error && met.lane)
        tca_order_join(&sh->s->order, w, met.lane);
    return error;
}

static int join(struct tca_shard *sh, struct tca_waiting *w, const struct tca_flow_look *look)
{
    if (tca_order_file(w) != sh->join_file) {
        sh->join_file = tca_order_file(w);
        tca_flow_turn_file(sh->flows, w->seg.frame);
        if (!sh->counted[sh->join_file].first_frame)
            sh->counted[sh->join_file].first_frame = w->seg.frame;
    }
    if (w->kind == TCA_WAITING_NUMBER)
        return tca_flow_see(sh->flows, &w->seg);
    bool is_segment = w->kind == TCA_WAITING_SEGMENT;
    int error = is_segment ? join_segment(sh, w, look) : join_quote(sh, w, look);
    if (!error)
        *queued(sh, sh->joined++) = (struct tca_queued){w, is_segment ? w->tuple : NULL};
    return error;
}

enum { BATCH = 16 }; /* so many are looked for before the first is needed */

static int join_batch(struct tca_shard *sh, struct tca_waiting *const *one, unsigned count)
{
    struct tca_flow_look look[BATCH];
    int error = TCA_OK;
    tca_flow_look_all(sh->flows, one, count, look);
    for (unsigned at = 0; at < count && !error; at++)
        error = join(sh, one[at], &look[at]);
    return error;
}

static int use(struct tca_shard *sh, const struct tca_waiting *w)
{
    int error = TCA_OK;
    sh->now = &sh->counted[tca_order_file(w)];
    if (w->record != w->seg.frame)
        error = tca_moved_add(&sh->moved, sh->s->open->facts.ordinal, w->seg.frame, w->record);
    if (error)
        return error;
    return w->kind == TCA_WAITING_QUOTE ? use_quoted(sh, w) : use_segment(sh, w);
}

static int use_ripe(struct tca_shard *sh, uint64_t ripe)
{
    int error = TCA_OK;
    bool far = tca_flow_is_far(sh->flows);
    while (!error && sh->used != sh->joined && queued(sh, sh->used)->one->number < ripe) {
        fetch_ahead(sh, sh->used, far);
        error = use(sh, queued(sh, sh->used++)->one);
    }
    return error;
}

void tca_shard_work(struct tca_shard *sh, const struct tca_chunk *chunk)
{
    struct tca_taken *taken = sh->taken[chunk->ordinal % 2];
    sh->now_ns = chunk->now_ns;
    sh->ripe_ns = chunk->ripe_ns;
    for (unsigned at = 0, left; !sh->error && (left = taken->count - at); at += left < BATCH ? left : BATCH)
        sh->error = join_batch(sh, taken->one + at, left < BATCH ? left : BATCH);
    taken->count = 0;
    if (!sh->error)
        sh->error = use_ripe(sh, chunk->ripe);
    if (!sh->error && chunk->ripe_ns != INT64_MIN)
        sh->error = tca_flow_expire(sh->flows, chunk->ripe_ns);
}

/* ---- a shard's life ---- */

/* What a flow takes with its tuple, its stream and the marks of an ordinary connection. */
enum { FLOW_BYTES = sizeof(struct tca_flow) + sizeof(struct tca_mirror) + sizeof(struct tca_peers) + 2300 };

/* A live connection that thinks is packed where more are in memory than this part of those that there is memory for. */
enum { PACKED_BEYOND = 4 };

/* In sixteenths of what there is for connections at hand: those that live are heard of most, those that open least. */
static const unsigned share[TCA_FLOW_CLASSES] = {
    [TCA_FLOW_LIVE] = 12, [TCA_FLOW_OPENING] = 1, [TCA_FLOW_OVER] = 3};

/* What a segment of a calm connection touches of a side (mirror/easy.c), and where the sides are. */
#define SIDE_AT(role) (offsetof(struct tca_mirror, side) + (role) * sizeof(struct tca_side))
#define CALM          offsetof(struct tca_side, recent)

/* What is remembered of a tuple, whatever its form, and its slot: an embryo of IPv4 takes 69 to 82, of IPv6 93 to 106; a parked
 * one less. With other keys all stay as they are. */
enum { REMEMBERED_BYTES = 96 };

/* So many are remembered of a partition with however little memory: the captures of ordinary days have no more. */
enum { REMEMBERED_LEAST = 2048 };

static size_t remembered(uint64_t memory, bool parks)
{
    uint64_t tuples = memory / (parks ? REMEMBERED_BYTES : FLOW_BYTES) / TCA_PARTITIONS;
    return tuples < REMEMBERED_LEAST ? REMEMBERED_LEAST : (size_t)tuples;
}

static void bound_memory(const struct tca_session *s, unsigned shards, struct tca_flow_settings *set)
{
    enum { PARTS = 16, LEAST = 16 };
    uint64_t memory = tca_memory_of(&s->set);
    for (int age_class = 0; age_class < TCA_FLOW_CLASSES; age_class++) {
        uint64_t flows = memory / PARTS * share[age_class] / FLOW_BYTES / shards;
        set->most[age_class] = flows < LEAST ? LEAST : (size_t)flows;
    }
    set->whole = set->most[TCA_FLOW_LIVE] / PACKED_BEYOND;
    set->remembered = remembered(memory, !set->key_vlan && !set->key_tunnel);
}

int tca_shard_begin(struct tca_session *s, unsigned shards, struct tca_shard *sh)
{
    *sh = (struct tca_shard){.s = s, .end_ns = -1};
    struct tca_flow_settings set = {.key_vlan = s->set.key_vlan,
                                    .key_tunnel = s->set.key_tunnel,
                                    .seed = tca_random_seed(s),
                                    .server = s->set.server,
                                    .server_count = s->set.server_count,
                                    .payload_size = sizeof(struct tca_mirror),
                                    .touched = {{0, SIDE_AT(0) + CALM}, {SIDE_AT(1), SIDE_AT(1) + CALM}},
                                    .stream_payload_size = sizeof(struct tca_peers),
                                    .stream_touched = sizeof(struct tca_line),
                                    .over = flow_over,
                                    .piece_over = piece_over,
                                    .may_park = tca_may_park,
                                    .park = tca_park,
                                    .recall = tca_recall,
                                    .forget = tca_forget,
                                    .again = tca_again,
                                    .rejoin = rejoin,
                                    .lone_over = tca_lone_over,
                                    .pack_room = pack_room,
                                    .pack = pack,
                                    .unpack = unpack,
                                    .user = sh};
    bound_memory(s, shards, &set);
    tca_mirror_context_init(&sh->mirrors);
    sh->mirrors.strict_checksums = s->set.checksums == CHECKSUMS_ON;
    sh->waiting = tca_alloc(QUEUE_ROOM * sizeof *sh->waiting);
    sh->files = s->open->files ? s->open->files : 1;
    sh->counted = tca_alloc(sh->files * sizeof *sh->counted);
    bool whole = sh->waiting && sh->counted;
    for (int odd = 0; odd < 2; odd++) {
        sh->taken[odd] = tca_alloc(sizeof *sh->taken[odd]);
        whole &= sh->taken[odd] != NULL;
    }
    int error = whole ? tca_spool_begin(s, shards) : TCA_EMEMORY;
    if (error)
        return error;
    sh->dossiers = s->spool.list[sh - s->shard];
    return tca_flow_table_new(&set, &sh->flows);
}

void tca_shard_finish(struct tca_shard *sh)
{
    int error = sh->flows ? tca_flow_table_end(sh->flows) : TCA_OK;
    sh->error = sh->error ? sh->error : error;
}

int tca_capture_leave_out(struct capture *c, const uint8_t *ports)
{
    if (!c->left_out && !(c->left_out = tca_alloc(TCA_PORT_BITS)))
        return TCA_EMEMORY;
    for (unsigned at = 0; at < TCA_PORT_BITS; at++)
        c->left_out[at] |= ports[at];
    return TCA_OK;
}

static void add_counted(struct capture *c, const struct tca_shard *sh)
{
    for (uint32_t at = 0; at < sh->files; at++) {
        struct tca_capture_facts *facts = c->files ? &c->file[at] : &c->facts;
        facts->flows += sh->counted[at].flows;
        facts->tcp_packets += sh->counted[at].tcp_packets;
        facts->duplicates += sh->counted[at].duplicates;
    }
}

int tca_shard_end(struct tca_shard *sh)
{
    struct capture *c = sh->s->open;
    int error = sh->error;
    if (sh->counted)
        add_counted(c, sh);
    c->mixed_tags += sh->mixed_tags;
    if (sh->end_ns > c->facts.end_ns)
        c->facts.end_ns = sh->end_ns;
    if (!error && sh->left_out)
        error = tca_capture_leave_out(c, sh->left_out);
    for (size_t at = 0; !error && at < sh->moved.count; at++)
        error = tca_moved_take(&sh->s->moved, &sh->moved.one[at]);
    c->hints += sh->nat_hints.count;
    if (!error)
        error = tca_nat_hints_take(&sh->s->nat_hints, &sh->nat_hints);
    tca_flow_table_free(sh->flows);
    tca_mirror_context_done(&sh->mirrors);
    tca_moved_done(&sh->moved);
    tca_nat_hints_done(&sh->nat_hints);
    tca_free(sh->kinds);
    tca_free(sh->counted);
    tca_buf_done(&sh->recalled);
    tca_free(sh->left_out);
    tca_free(sh->waiting);
    tca_free(sh->taken[0]);
    tca_free(sh->taken[1]);
    return error;
}
