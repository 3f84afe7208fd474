/* SPDX-License-Identifier: MIT
 *
 * Pass 1: records of one capture to dossiers. It knows one tuple at a time; whatever needs another connection
 * waits for pass 2, so that results do not depend on when a flow was taken out of memory.
 */
#include "base/alloc.h"
#include "base/seed.h"
#include "base/time_limit.h"
#include "decode/fragment.h"
#include "engine/run.h"
#include "mirror/deviations.h"
#include "mirror/history.h"

#include <string.h>

static const int64_t RETRY_NS = INT64_C(60000000000);

/* Intervals that are multiplied are capped where they are measured (mirror/deviations.h). */
static int64_t sane_time(int64_t time_ns)
{
    return time_ns < 0 ? 0 : time_ns > TCA_TIME_LAST_NS ? TCA_TIME_LAST_NS : time_ns;
}

static struct tca_mirror *mirror_of(struct tca_flow *flow)
{
    return (void *)flow->payload;
}

/* A mirror that has not begun has seen no segment: all of its flow's were left out. */
static bool begun(struct tca_flow *flow)
{
    return mirror_of(flow)->begun;
}

static int flow_over(void *user, struct tca_flow *flow)
{
    struct tca_session *s = user;
    struct tca_mirror *m = mirror_of(flow);
    if (!begun(flow))
        return TCA_OK;
    int error = tca_mirror_finish(&s->mirrors, m);
    s->open->mixed_tags += flow->mixed_tags;
    if (!error)
        error = tca_spool_put(s, flow);
    tca_mirror_free(&s->mirrors, m);
    return error;
}

static int piece_over(void *user, const struct tca_key *key, const struct tca_piece *piece)
{
    struct tca_session *s = user;
    return tca_streams_put(s->streams, s->open->facts.ordinal, key, piece);
}

static int add_capture(struct tca_session *s, const char *name)
{
    if (s->capture_count == s->capture_room) {
        size_t room = s->capture_room ? 2 * s->capture_room : 8;
        struct capture **more = tca_grow(s->capture, room, sizeof *more);
        if (!more)
            return TCA_EMEMORY;
        s->capture = more;
        s->capture_room = room;
    }
    struct capture *c = tca_alloc(sizeof *c);
    if (!c)
        return TCA_EMEMORY;
    c->name = tca_strdup(name);
    if (!c->name) {
        tca_free(c);
        return TCA_EMEMORY;
    }
    s->capture[s->capture_count++] = c;
    c->facts = (struct tca_capture_facts){.moved = &s->moved,
                                          .comments = &s->comments,
                                          .comment = c->comment.text,
                                          .ordinal = (uint32_t)s->capture_count,
                                          .name = c->name,
                                          .format = "",
                                          .ts_precision = "",
                                          .status = "ok",
                                          .message = "",
                                          .error_offset = -1,
                                          .first_ns = -1,
                                          .last_ns = -1,
                                          .end_ns = -1};
    return TCA_OK;
}

int tca_pass1_begin(struct tca_session *s, const char *name)
{
    int error = add_capture(s, name);
    if (error)
        return error;
    struct tca_flow_settings set = {.key_vlan = s->set.key_vlan,
                                    .key_tunnel = s->set.key_tunnel,
                                    .seed = tca_random_seed(s),
                                    .server = s->set.server,
                                    .server_count = s->set.server_count,
                                    .payload_size = sizeof(struct tca_mirror),
                                    .stream_payload_size = sizeof(struct tca_peer),
                                    .over = flow_over,
                                    .piece_over = piece_over,
                                    .may_park = tca_may_park,
                                    .park = tca_park,
                                    .recall = tca_recall,
                                    .user = s};
    if (!s->streams)
        error = tca_streams_new(set.seed, s->set.temp_dir, &s->streams);
    if (!error)
        error = tca_flow_table_new(&set, &s->flows);
    if (!error && !(s->fragments = tca_fragments_new()))
        error = TCA_EMEMORY;
    if (!error)
        error = tca_order_init(&s->order);
    if (!error)
        error = tca_ahead_begin(&s->ahead);
    s->quotes = (struct tca_lane){0};
    if (!error)
        s->open = s->capture[s->capture_count - 1];
    return error;
}

static void note_record(struct capture *c, const struct tca_record *record)
{
    struct tca_capture_facts *facts = &c->facts;
    int64_t time_ns = record->time_ns;
    facts->packets++;
    if (time_ns < c->newest_ns)
        facts->order_errors++;
    c->newest_ns = time_ns;
    if (record->left_out)
        return;
    if (facts->first_ns < 0 || time_ns < facts->first_ns)
        facts->first_ns = time_ns;
    if (time_ns > facts->last_ns)
        facts->last_ns = time_ns;
}

/* What is written beside a record, for its ladder. */
static int note_comment(struct tca_session *s, const struct tca_record *record)
{
    struct tca_capture_facts *facts = &s->open->facts;
    if (!s->trace || record->left_out || !record->comment_len || !record->comment[0])
        return TCA_OK;
    int kept = tca_comments_add(&s->comments, facts->ordinal, record->frame, facts->comments_kept,
                                record->comment, record->comment_len);
    facts->comments_kept += kept > 0;
    facts->comments_over += kept == 0;
    return kept < 0 ? kept : TCA_OK;
}

static void note_end(struct capture *c, int64_t time_ns)
{
    if (time_ns > c->facts.end_ns)
        c->facts.end_ns = time_ns;
}

static int trace_segment(struct tca_session *s, const struct tca_segment *seg,
                         const struct tca_flow_found *found)
{
    if (!s->trace)
        return TCA_OK;
    struct tca_trace t;
    memset(&t, 0, sizeof t);
    t.time_ns = seg->time_ns;
    t.frame = seg->frame;
    t.flow_frame = found->flow->first_frame;
    t.capture = s->open->facts.ordinal;
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
    return fwrite(&t, sizeof t, 1, s->trace) == 1 ? TCA_OK : TCA_EOUTPUT;
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
static void snapshot_prior(struct tca_session *s, struct tca_mirror *m, struct tca_flow *flow,
                           struct tca_flow *old, int64_t now_ns)
{
    struct tca_mirror *om = mirror_of(old);
    bool same = flow->client == old->client;
    tca_mirror_clock(om, now_ns);
    m->prior = (struct tca_prior){.exists = true,
                                  .first_frame = old->first_frame,
                                  .capture = s->open->facts.ordinal,
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
static int commit(struct tca_session *s, struct tca_flow *flow, int64_t now_ns, bool left_out)
{
    for (struct tca_flow *old = flow->older; !left_out && old && !old->replaced; old = old->older) {
        struct tca_mirror *om = mirror_of(old);
        if (!begun(old))
            continue;
        tca_mirror_clock(om, now_ns);
        om->end_ns = now_ns;
        om->killed_by_reuse = !both_closed(om);
    }
    return tca_flow_replace_older(s->flows, flow);
}

/* ---- segments ---- */

static bool gone(const struct tca_side *side)
{
    enum tca_state state = tca_side_state(side);
    return state == TCA_CLOSED || state == TCA_TIME_WAIT || state == TCA_LISTEN ||
           (state == TCA_UNKNOWN && !side->pkts);
}

static enum tca_flow_class age_class(const struct tca_flow_found *found)
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

static void begin_flow(struct tca_session *s, const struct tca_flow_found *found,
                       const struct tca_segment *seg)
{
    s->open->facts.flows++;
    struct tca_mirror *m = mirror_of(found->flow);
    tca_mirror_begin(m, seg);
    if (found->prior && begun(found->prior)) {
        snapshot_prior(s, m, found->flow, found->prior, seg->time_ns);
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

static int tell_witness(struct tca_session *s, const struct tca_flow_found *found,
                        const struct tca_segment *seg)
{
    if (!found->witness || !begun(found->witness) || !found->witness->opened_by_syn)
        return TCA_OK;
    int from = found->witness->client == found->flow->client ? found->from : 1 - found->from;
    if (!(seg->flags & TCA_RST) && spoke_since(found))
        return TCA_OK; /* its ordinary acknowledgment */
    return tca_mirror_witness(&s->mirrors, mirror_of(found->witness), seg, from);
}

static int mirror_segment(struct tca_session *s, const struct tca_flow_found *found,
                          const struct tca_segment *seg)
{
    struct tca_mirror *m = mirror_of(found->flow);
    s->open->facts.tcp_packets++;
    note_end(s->open, seg->time_ns);
    if (!begun(found->flow))
        begin_flow(s, found, seg);
    int error = tca_mirror_step(&s->mirrors, m, seg, found->from);
    if (!error)
        error = tell_witness(s, found, seg);
    return error ? error : trace_segment(s, seg, found);
}

/* Of a connection whose ports another one has taken meanwhile: its states are settled. Who gets it knows the newer one. */
static int count_late(struct tca_session *s, const struct tca_flow_found *found,
                      const struct tca_segment *seg)
{
    s->open->facts.tcp_packets++;
    note_end(s->open, seg->time_ns);
    tca_mirror_stray(mirror_of(found->newer), seg,
                     found->newer->client == found->flow->client ? found->from : 1 - found->from);
    if (!begun(found->flow))
        return TCA_OK;
    int error = tca_mirror_late(&s->mirrors, mirror_of(found->flow), seg, found->from);
    return error ? error : trace_segment(s, seg, found);
}

/* What the capture shows a second time is counted, and nothing else comes of it. */
static int count_copy(struct tca_session *s, const struct tca_flow_found *found,
                      const struct tca_segment *seg)
{
    s->open->facts.duplicates++;
    s->open->facts.tcp_packets += !seg->quoted;
    if (!found->flow || !begun(found->flow))
        return TCA_OK;
    if (!seg->quoted)
        tca_mirror_copy(mirror_of(found->flow), found->from);
    return trace_segment(s, seg, found);
}

/* A connection to this port is left out: its listener is not seen whole. What comes after a time window is not in its
 * queue within the window. */
static int note_left_out(struct tca_session *s, const struct tca_segment *seg)
{
    struct capture *c = s->open;
    if (!(seg->flags & TCA_SYN) || (s->set.has_before && seg->time_ns >= s->set.before_ns))
        return TCA_OK;
    if (!c->left_out && !(c->left_out = tca_alloc(TCA_PORT_BITS)))
        return TCA_EMEMORY;
    uint16_t port = seg->flags & TCA_ACK ? seg->sport : seg->dport;
    c->left_out[port / 8] |= (uint8_t)(1 << port % 8);
    return TCA_OK;
}

/* A segment that was left out numbers its connection and moves its sequence spaces, no more. */
static int use_segment(struct tca_session *s, const struct tca_waiting *w)
{
    const struct tca_segment *seg = &w->seg;
    struct tca_flow_found found;
    /* One from a far future, behind which the file goes on as before, ends nothing. */
    int64_t now_ns = seg->time_ns < s->order.now_ns ? seg->time_ns : s->order.now_ns;
    const struct tca_flow_met met = {
        .tuple = w->tuple, .stream = w->stream, .stream_frame = w->stream_frame, .now_ns = now_ns};
    int error = tca_flow_find(s->flows, &met, seg, &found);
    if (error)
        return error;
    if (found.copy)
        return w->left_out ? TCA_OK : count_copy(s, &found, seg);
    if (found.newer && !w->left_out && !begun(found.newer))
        found.newer = NULL; /* of which nobody is to know */
    if (found.newer)
        return w->left_out ? TCA_OK : count_late(s, &found, seg);
    error = w->left_out ? note_left_out(s, seg) : mirror_segment(s, &found, seg);
    if (!error && found.commits)
        error = commit(s, found.flow, seg->time_ns, w->left_out);
    if (!error)
        tca_flow_note(s->flows, found.flow, seg, age_class(&found));
    return error;
}

static int use_quoted(struct tca_session *s, const struct tca_segment *quote)
{
    struct tca_flow_found found;
    int error = tca_flow_find_quoted(s->flows, quote, &found);
    if (error)
        return error;
    if (found.copy)
        return count_copy(s, &found, quote);
    note_end(s->open, quote->time_ns);
    if (!found.flow || !begun(found.flow))
        return TCA_OK;
    bool from_peer = !memcmp(quote->icmp_from, quote->dst, 16);
    error = tca_mirror_icmp(&s->mirrors, mirror_of(found.flow), quote, found.from, from_peer);
    return error ? error : trace_segment(s, quote, &found);
}

/* What a later one of the batch will touch begins to come from memory. */
static void fetch_ahead(struct tca_session *s)
{
    enum { AHEAD = 3 };
    const struct tca_waiting *later = tca_order_peek(&s->order, AHEAD);
    if (later && !later->seg.quoted)
        tca_flow_fetch(later->tuple);
}

/* Together, if there are enough: that keeps the code in the processor's cache. */
static int use_waiting(struct tca_session *s, bool all)
{
    if (!all && !tca_order_is_batch(&s->order))
        return TCA_OK;
    const struct tca_waiting *w;
    int64_t now_ns = INT64_MIN;
    int error = TCA_OK;
    while (!error && (w = tca_order_next(&s->order, all))) {
        fetch_ahead(s);
        now_ns = w->seg.time_ns;
        if (w->record != w->seg.frame)
            error = tca_moved_add(&s->moved, s->open->facts.ordinal, w->seg.frame, w->record);
        if (!error)
            error = w->seg.quoted ? use_quoted(s, &w->seg) : use_segment(s, w);
    }
    return error || now_ns == INT64_MIN ? error : tca_flow_expire(s->flows, now_ns);
}

/* In the order of the file: its stream, and what other programs make of that; then it waits for its turn. */
static int feed_segment(struct tca_session *s, struct tca_waiting *w)
{
    struct tca_flow_met met;
    int error = tca_flow_meet(s->flows, &w->seg, &met);
    if (error)
        return error;
    w->tuple = met.tuple;
    w->stream = met.stream;
    w->stream_frame = met.stream_frame;
    if (met.stream && !w->left_out)
        tca_peer_step((void *)met.stream->payload, &w->seg, met.side, s->mirrors.strict_checksums);
    tca_order_add(&s->order, met.lane);
    return TCA_OK;
}

/* What the slot to be filled next holds goes its way, in the order of the file. */
static int let_in(struct tca_session *s, enum tca_way way)
{
    struct tca_waiting *w = tca_order_slot(&s->order);
    int error = TCA_OK;
    switch (way) {
    case TCA_WAY_SEGMENT:
        error = feed_segment(s, w);
        break;
    case TCA_WAY_NUMBER:
        return tca_flow_see(s->flows, &w->seg);
    case TCA_WAY_QUOTE:
        tca_order_add(&s->order, &s->quotes);
        break;
    case TCA_WAY_TIME:
        tca_order_time(&s->order, w->seg.time_ns);
        if (!w->left_out)
            note_end(s->open, w->seg.time_ns);
    }
    return error ? error : use_waiting(s, false);
}

/* All that was held back; nothing will be any more. */
static int let_in_held(struct tca_session *s)
{
    struct tca_ahead held = s->ahead;
    s->ahead = (struct tca_ahead){0};
    struct tca_doubled doubled = {0};
    int error = held.one ? tca_ahead_learn(&held, &doubled) : TCA_OK;
    if (!error)
        tca_flow_doubled(s->flows, &doubled);
    for (unsigned at = 0; !error && at < held.count; at++) {
        struct tca_waiting *w = tca_order_slot(&s->order);
        w->seg = held.one[at].seg;
        w->left_out = held.one[at].left_out;
        error = let_in(s, held.one[at].way);
    }
    tca_ahead_done(&held);
    return error;
}

static int take(struct tca_session *s, enum tca_way way)
{
    if (!s->ahead.one)
        return let_in(s, way);
    const struct tca_waiting *w = tca_order_slot(&s->order);
    const struct tca_held one = {.seg = w->seg, .way = way, .left_out = w->left_out};
    return tca_ahead_add(&s->ahead, &one) ? TCA_OK : let_in_held(s);
}

/* The fragments of a segment, by its frame: whose it is will be known later. */
static int trace_pieces(struct tca_session *s, const struct tca_segment *seg)
{
    const uint64_t *frame = NULL;
    unsigned count = s->trace ? tca_fragments_pieces(s->fragments, &frame) : 0;
    for (unsigned at = 0; at < count; at++) {
        struct tca_trace t;
        memset(&t, 0, sizeof t);
        t.piece = true;
        t.frame = frame[at];
        t.flow_frame = seg->frame;
        t.capture = s->open->facts.ordinal;
        if (fwrite(&t, sizeof t, 1, s->trace) != 1)
            return TCA_EOUTPUT;
    }
    return TCA_OK;
}

/* Segments that came in fragments, each before what can only come after it. The slot to be filled next may already
 * hold a segment, `next` or a quotation. */
static int feed_fragments(struct tca_session *s, const struct tca_segment *next, int64_t now_ns)
{
    struct tca_segment seg, kept, asked;
    if (!tca_fragments_due(s->fragments, next, now_ns, &seg))
        return TCA_OK;
    kept = tca_order_slot(&s->order)->seg;
    if (next)
        asked = *next;
    int error;
    do {
        struct tca_waiting *w = tca_order_slot(&s->order);
        w->seg = seg;
        w->left_out = seg.left_out;
        error = trace_pieces(s, &seg);
        if (!error)
            error = take(s, TCA_WAY_SEGMENT);
    } while (!error && tca_fragments_due(s->fragments, next ? &asked : NULL, now_ns, &seg));
    tca_order_slot(&s->order)->seg = kept;
    return error;
}

/* No segment of a flow, and yet one that Wireshark numbers; in what only perhaps is a tunnel as well (not_tcp). */
static bool is_numbered(enum tca_outcome outcome, const struct tca_segment *seg)
{
    return outcome == TCA_OUTCOME_tcp_quoted || (outcome != TCA_OUTCOME_tcp && seg->stub);
}

static int feed_record(struct tca_session *s, const struct tca_record *given)
{
    struct tca_record record = *given;
    struct tca_waiting *w = tca_order_slot(&s->order);
    record.time_ns = sane_time(given->time_ns);
    note_record(s->open, &record);
    bool verify = s->set.checksums != CHECKSUMS_OFF && !record.left_out;
    w->seg.stub = false;
    enum tca_outcome outcome = tca_decode_fragments(s->fragments, &record, verify, &w->seg);
    bool at_hand = outcome == TCA_OUTCOME_tcp && !w->seg.fragmented;
    s->open->facts.outcome[record.left_out ? TCA_OUTCOME_filtered : outcome]++;
    int error = record.comment ? note_comment(s, &record) : TCA_OK;
    if (!error)
        error = feed_fragments(s, at_hand ? &w->seg : NULL, record.time_ns);
    if (error)
        return error;
    w = tca_order_slot(&s->order);
    w->left_out = record.left_out;
    if (is_numbered(outcome, &w->seg))
        error = take(s, TCA_WAY_NUMBER);
    if (error)
        return error;
    if (at_hand)
        return take(s, TCA_WAY_SEGMENT);
    if (outcome == TCA_OUTCOME_tcp_quoted && !record.left_out)
        return take(s, TCA_WAY_QUOTE);
    w = tca_order_slot(&s->order);
    w->left_out = record.left_out;
    w->seg.time_ns = record.time_ns;
    return take(s, TCA_WAY_TIME);
}

int tca_pass1_feed(struct tca_session *s, const struct tca_record *records, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        int error = feed_record(s, &records[at]);
        if (error)
            return error;
    }
    return TCA_OK;
}

int tca_pass1_end(struct tca_session *s)
{
    int error = s->fragments ? feed_fragments(s, NULL, INT64_MAX) : TCA_OK; /* none: memory was out */
    if (!error)
        error = let_in_held(s);
    if (!error)
        error = use_waiting(s, true);
    tca_moved_sort(&s->moved);
    int ended = tca_flow_table_end(s->flows);
    tca_fragments_free(s->fragments);
    s->fragments = NULL;
    tca_flow_table_free(s->flows);
    tca_order_done(&s->order);
    tca_ahead_done(&s->ahead);
    s->flows = NULL;
    s->open = NULL;
    return error ? error : ended;
}
