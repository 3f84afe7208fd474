/* SPDX-License-Identifier: MIT
 *
 * Pass 1: records of one capture to dossiers.
 *
 *      records -> decode -> chunk of the order ...........  dealt, by one thread at a time, in the order of the file
 *                 chunk -> shards (shard.h) -> dossiers ..  worked, a shard at a time, on any thread
 *
 * Where there is a crew, the next chunk is dealt while the shards work on the one before it; else one follows the other.
 * Chunks end where so many segments are dealt, whoever feeds them and however many threads there are.
 */
#include "base/alloc.h"
#include "base/apart.h"
#include "base/seed.h"
#include "base/time_limit.h"
#include "decode/fragment.h"
#include "engine/run.h"
#include "flow/partition.h"

#include <string.h>

enum {
    SHARDS_PER_THREAD = 4, /* so that none waits long for the last */
    SHARDS_MAX = 16,
    RECORD_HEAD = 16, /* bytes of a file for each record besides its packet, about */
};

_Static_assert(TCA_ORDER_ROOM > TCA_ORDER_CHUNK + TCA_FRAGMENTS_MAX + 64,
               "one record more may hand on all fragments that wait");

/* Intervals that are multiplied are capped where they are measured (mirror/deviations.h). */
static int64_t sane_time(int64_t time_ns)
{
    return time_ns < 0 ? 0 : time_ns > TCA_TIME_LAST_NS ? TCA_TIME_LAST_NS : time_ns;
}

int tca_capture_add(struct tca_session *s, const char *name)
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
                                          .anon = s->anon,
                                          .spots = &s->spots,
                                          .comments = &s->comments,
                                          .comment = "",
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

static unsigned shards_for(const struct tca_crew *crew)
{
    unsigned threads = tca_crew_size(crew), wanted = threads * SHARDS_PER_THREAD;
    return threads == 1 ? 1 : wanted < SHARDS_MAX ? wanted : SHARDS_MAX;
}

enum { OTHERS = UINT8_MAX };
_Static_assert((int)OTHERS >= (int)SHARDS_MAX, "no shard's number");

/* Partitions that other shares follow go to no shard. */
static void assign(struct tca_session *s, unsigned shards)
{
    unsigned ours = 0;
    for (unsigned part = 0; part < TCA_PARTITIONS; part++) {
        bool is_ours = !s->set.shares || part % s->set.shares == s->set.share - 1;
        s->shard_of[part] = (uint8_t)(is_ours ? ours++ % shards : (unsigned)OTHERS);
    }
}

static int begin_shards(struct tca_session *s)
{
    unsigned count = shards_for(s->crew);
    s->shard = tca_alloc(count * sizeof *s->shard);
    int error = s->shard ? TCA_OK : TCA_EMEMORY;
    for (unsigned at = 0; !error && at < count; at++) {
        error = tca_shard_begin(s, count, &s->shard[at]);
        s->shards++;
    }
    assign(s, count);
    s->can_deal = !error;
    return error;
}

int tca_pass1_begin(struct tca_session *s, const char *name, uint32_t files)
{
    int error = tca_spots_add(&s->spots, files);
    if (!error)
        error = tca_capture_add(s, name);
    if (error)
        return error;
    s->open = s->capture[s->capture_count - 1];
    s->watched = (struct tca_watched){0};
    s->now = &s->open->facts;
    s->now_file = 0;
    if (files > 1) {
        error = tca_series_begin(s->open, files, tca_spot_of(&s->spots, s->open->facts.ordinal, 0).ordinal);
        s->now = s->open->file;
    }
    if (!error && !s->streams)
        error = tca_streams_new(tca_random_seed(s), s->set.temp_dir, &s->streams);
    if (!error && !(s->fragments = tca_fragments_new()))
        error = TCA_EMEMORY;
    if (!error)
        error = tca_order_init(&s->order);
    return error ? error : begin_shards(s);
}

/* ---- dealing: records become entries of a chunk ---- */

static void note_record(const struct tca_session *s, const struct tca_record *record)
{
    struct tca_capture_facts *facts = s->now;
    int64_t time_ns = record->time_ns;
    facts->packets++;
    s->open->stored += RECORD_HEAD + record->captured;
    if (time_ns < s->open->newest_ns)
        facts->order_errors++;
    s->open->newest_ns = time_ns;
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

/* NULL: another share follows it. */
static struct tca_shard *shard_of(const struct tca_session *s, const struct tca_segment *seg)
{
    if (s->shards == 1 && !s->set.shares)
        return s->shard;
    unsigned number = s->shard_of[tca_partition_of_segment(seg)];
    return number == OTHERS ? NULL : &s->shard[number];
}

/* What the slot to be filled next holds goes its way, in the order of the file. */
static void enter(struct tca_session *s, enum tca_waiting_kind kind, bool left_out)
{
    struct tca_waiting *w = tca_order_enter(&s->order, kind, left_out);
    struct tca_shard *shard = shard_of(s, &w->seg);
    tca_order_set_file(w, s->now_file);
    if (shard)
        tca_shard_take(shard, s->order.chunk, w);
}

/* The slot to be filled next, for what is not plain. */
static struct tca_segment *slot(const struct tca_session *s)
{
    struct tca_waiting *w = tca_order_slot(&s->order);
    w->rest = TCA_REST_ANY;
    return &w->seg;
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
static int enter_fragments(struct tca_session *s, const struct tca_segment *next, int64_t now_ns)
{
    struct tca_segment seg, kept, asked;
    if (!tca_fragments_due(s->fragments, next, now_ns, &seg))
        return TCA_OK;
    kept = *slot(s);
    if (next)
        asked = *next;
    int error;
    do {
        *slot(s) = seg;
        error = trace_pieces(s, &seg);
        if (!error)
            enter(s, TCA_WAITING_SEGMENT, seg.left_out);
    } while (!error && tca_fragments_due(s->fragments, next ? &asked : NULL, now_ns, &seg));
    *slot(s) = kept;
    return error;
}

/* No segment of a flow, and yet one that Wireshark numbers; in what only perhaps is a tunnel as well (not_tcp). */
static bool is_numbered(enum tca_outcome outcome, const struct tca_segment *seg)
{
    return outcome == TCA_OUTCOME_tcp_quoted || (outcome != TCA_OUTCOME_tcp && seg->stub);
}

/* A record that is no segment: its time passes. */
static void pass_time(struct tca_session *s, const struct tca_record *record)
{
    tca_order_time(&s->order, record->time_ns);
    if (!record->left_out && record->time_ns > s->open->facts.end_ns)
        s->open->facts.end_ns = record->time_ns;
}

/* is_plain: the record's segment is in the slot. */
TCA_APART static int deal_odd(struct tca_session *s, const struct tca_record *record, bool verify,
                              bool is_plain)
{
    struct tca_segment *seg = slot(s);
    if (!is_plain)
        seg->stub = false;
    enum tca_outcome outcome =
        is_plain ? TCA_OUTCOME_tcp : tca_fragments_walk(s->fragments, record, verify, seg);
    bool at_hand = outcome == TCA_OUTCOME_tcp && !seg->fragmented;
    s->now->outcome[record->left_out ? TCA_OUTCOME_filtered : outcome]++;
    int error = record->comment ? note_comment(s, record) : TCA_OK;
    if (!error)
        error = enter_fragments(s, at_hand ? seg : NULL, record->time_ns);
    if (error)
        return error;
    bool is_quote = outcome == TCA_OUTCOME_tcp_quoted && !record->left_out;
    if (is_numbered(outcome, slot(s))) {
        struct tca_segment again = *slot(s);
        enter(s, TCA_WAITING_NUMBER, record->left_out);
        *slot(s) = again;
    }
    if (at_hand || is_quote)
        enter(s, at_hand ? TCA_WAITING_SEGMENT : TCA_WAITING_QUOTE, record->left_out);
    else
        pass_time(s, record);
    return TCA_OK;
}

/* Nearly all records are one segment and nothing else. */
static int deal_sane(struct tca_session *s, const struct tca_record *record)
{
    struct tca_waiting *w = tca_order_slot(&s->order);
    note_record(s, record);
    bool verify = s->set.checksums != CHECKSUMS_OFF && !record->left_out;
    bool is_plain = tca_decode_quick(s->fragments, record, verify, &w->seg, &w->rest);
    if (!is_plain || record->comment || tca_fragments_any(s->fragments))
        return deal_odd(s, record, verify, is_plain);
    s->now->outcome[record->left_out ? TCA_OUTCOME_filtered : TCA_OUTCOME_tcp]++;
    enter(s, TCA_WAITING_SEGMENT, record->left_out);
    return TCA_OK;
}

static int deal_record(struct tca_session *s, const struct tca_record *record)
{
    int64_t time_ns = sane_time(record->time_ns);
    if (time_ns == record->time_ns)
        return deal_sane(s, record);
    struct tca_record sane = *record;
    sane.time_ns = time_ns;
    return deal_sane(s, &sane);
}

/* ---- working: a chunk and the shards ---- */

struct turn {
    struct tca_session *s;
    struct tca_chunk chunk;
    struct tca_dealing *dealing; /* NULL: nothing is dealt meanwhile */
};

/* Whence the records of a capture come. */
struct tca_dealing {
    struct tca_session *s;
    tca_next_fn *next;
    void *from;
    struct tca_joined_batch batch; /* theirs, until more is asked for */
    size_t at;
    bool ended;
    int error;
};

/* What is dealt from here on is another file's, or other frames of it. */
static int change_file(struct tca_session *s, const struct tca_joined_batch *batch)
{
    const struct tca_spot_run run = {batch->record->frame, batch->ahead, (uint32_t)batch->file};
    s->now_file = (uint32_t)batch->file;
    if (!s->open->files)
        return TCA_OK;
    s->now = &s->open->file[batch->file];
    return tca_spots_run(&s->spots, &run);
}

/* False: there is none, or an error. */
static bool next_batch(struct tca_dealing *d)
{
    const struct tca_joined_batch before = d->batch;
    int got = d->next(d->from, &d->batch);
    d->ended = got <= 0;
    d->error = got < 0 ? got : TCA_OK;
    d->at = 0;
    if (got <= 0)
        return false;
    if (!before.count || before.file != d->batch.file || before.ahead != d->batch.ahead)
        d->error = change_file(d->s, &d->batch);
    return !d->error;
}

/* Until the chunk is full, or the file ends. */
static void deal(struct tca_dealing *d)
{
    while (!d->error && !d->ended && !tca_order_is_full(&d->s->order)) {
        if (d->at == d->batch.count && !next_batch(d))
            return;
        for (; !d->error && d->at < d->batch.count && !tca_order_is_full(&d->s->order); d->at++)
            d->error = deal_record(d->s, &d->batch.record[d->at]);
        d->s->open->dealt = d->batch.record[d->at - 1].frame;
    }
}

static void do_turn(void *user, unsigned task)
{
    struct turn *turn = user;
    if (turn->dealing && task-- == 0)
        deal(turn->dealing);
    else
        tca_shard_work(&turn->s->shard[task], &turn->chunk);
}

/* Nothing of the capture was used so far. */
static int look_ahead(struct tca_session *s, const struct tca_chunk *first)
{
    struct tca_doubled doubled;
    int error =
        tca_ahead_learn(tca_order_at(&s->order, first->from), (unsigned)(first->to - first->from), &doubled);
    for (unsigned at = 0; !error && at < s->shards; at++)
        tca_flow_doubled(s->shard[at].flows, &doubled);
    return error;
}

/* Whoever watches sees how far it is. */
static void tell_watcher(struct tca_session *s)
{
    struct tca_progress *watcher = s->watcher;
    const struct capture *c = s->open;
    struct tca_watched now = {.packets = c->dealt, .bytes = c->stored};
    if (!watcher)
        return;
    for (unsigned at = 0; at < s->shards; at++)
        now.flows += s->shard[at].flow_count;
    watcher->packets += now.packets - s->watched.packets;
    watcher->bytes += now.bytes - s->watched.bytes;
    watcher->flows += now.flows - s->watched.flows;
    s->watched = now;
}

/* Let the shards work on the chunk that was dealt, while the next one is dealt. */
static int turn(struct tca_session *s, struct tca_dealing *dealing, bool last)
{
    struct turn turn = {.s = s, .chunk = tca_order_turn(&s->order, last), .dealing = dealing};
    int error = turn.chunk.ordinal ? TCA_OK : look_ahead(s, &turn.chunk);
    if (error)
        return error;
    tca_crew_run(s->crew, do_turn, &turn, s->shards + (dealing != NULL));
    for (unsigned at = 0; !error && at < s->shards; at++)
        error = s->shard[at].error;
    tell_watcher(s);
    return error;
}

int tca_pass1_feed(struct tca_session *s, const struct tca_record *records, size_t count)
{
    int error = TCA_OK;
    for (size_t at = 0; !error && at < count; at++) {
        if (tca_order_is_full(&s->order))
            error = turn(s, NULL, false);
        if (!error)
            error = deal_record(s, &records[at]);
    }
    return error;
}

int tca_pass1_read(struct tca_session *s, tca_next_fn *next, void *from)
{
    struct tca_dealing dealing = {.s = s, .next = next, .from = from};
    int error = TCA_OK;
    deal(&dealing);
    while (!error && !dealing.error && !dealing.ended) {
        error = turn(s, s->crew ? &dealing : NULL, false);
        if (!s->crew)
            deal(&dealing);
    }
    return error ? error : dealing.error;
}

static void finish_shard(void *user, unsigned task)
{
    struct tca_session *s = user;
    tca_shard_finish(&s->shard[task]);
}

int tca_pass1_end(struct tca_session *s)
{
    int error = s->can_deal ? enter_fragments(s, NULL, INT64_MAX) : TCA_OK;
    if (!error && s->can_deal)
        error = turn(s, NULL, true);
    tca_crew_run(s->crew, finish_shard, s, s->shards);
    for (unsigned at = 0; at < s->shards; at++) {
        int ended = tca_shard_end(&s->shard[at]);
        error = error ? error : ended;
    }
    tca_moved_sort(&s->moved);
    tca_fragments_free(s->fragments);
    tca_order_done(&s->order);
    tca_free(s->shard);
    s->fragments = NULL;
    s->shard = NULL;
    s->shards = 0;
    s->can_deal = false;
    s->open = NULL;
    s->now = NULL;
    return error;
}
