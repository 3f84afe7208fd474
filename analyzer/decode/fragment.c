/* SPDX-License-Identifier: MIT
 *
 * The table of datagrams whose fragments are still coming (RFC 791 section 3.2, RFC 8200 section 4.5).
 *
 *     hash of (family, addresses, protocol, id) --> entry: pieces as sorted spans; the first bytes; what the first
 *     oldest <--> ... <--> newest                          fragment's IP header said; its segment, if it made one
 *
 * Of overlapping bytes the first to come count. The walk goes on in the entry's first bytes once they are whole, so
 * tunnels and tiny fragments need no code of their own. An entry that is done leaves the lists at once, and its memory is
 * used again only after tca_fragments_due(): the walk still points into it.
 *
 *     first done <--> ... <--> last done      datagrams whose segment was told, for the copies of their fragments
 *
 * A fragment of the same name, place and bytes as one of a datagram that has just become whole is a copy, of the capture or of the
 * path: RFC 791 lets no other datagram have that name so soon. When all of them have come again, so has the segment. One that
 * differs begins another datagram. Where the table is full these go first.
 */
#include "decode/fragment.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/apart.h"
#include "base/seed.h"
#include "base/seq32.h"
#include "decode/walk.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    PIECES_MAX = 64,
    PREFIX_MAX = 256, /* room for a tunnel's headers and the longest TCP header */
    DATAGRAM_MAX = 65535,
    SLACK = 32, /* datagrams that one record can begin: tunnels within tunnels */
    SLOTS = TCA_FRAGMENTS_MAX + SLACK,
    HASH_SLOTS = 1024,
    TUPLE_SLOTS = 256,
};
static const int64_t patience_ns = INT64_C(30000000000); /* Linux ipfrag_time */
static const int64_t COPY_NS = 20000000; /* after the datagram was whole; as of segments (artefact/copy.c) */
enum { PROTOCOL_TCP = 6 };

struct span {
    uint32_t from, to;
};

/* A fragment, to know it by when it comes again. */
struct part {
    uint64_t print; /* of its place and its bytes */
    uint8_t copies;
};

struct tca_fragmented {
    struct tca_fragmented *older, *newer; /* by the first fragment that came; `newer` links free ones */
    struct tca_fragmented *chain;
    struct tca_piece key;
    uint8_t family;
    uint8_t src[16], dst[16]; /* as in the header: four bytes or sixteen */
    uint16_t bucket;
    int64_t time_ns;

    struct span span[PIECES_MAX];
    uint8_t spans, pieces;
    uint64_t frame[PIECES_MAX]; /* of the records that brought a piece */
    bool cut;                   /* the snap length cut one of the pieces */
    bool has_total;             /* the last fragment was seen */
    uint32_t total;             /* bytes of the datagram */
    uint32_t readable;          /* bytes of `prefix` that can be read once the spans cover them */
    uint32_t captured;          /* bytes in the file, of all pieces */
    uint8_t prefix[PREFIX_MAX];

    /* Of the first fragment's header. */
    bool has_first, df, routed, left_out;
    bool first_cut; /* by the snap length */
    bool told;      /* its record was counted as the one with the TCP header */
    uint8_t protocol, ttl, direction;
    uint16_t ip_id;
    struct tca_tags tags;

    bool holds, handed_on;
    bool shown;                        /* tshark shows it as TCP, whatever becomes of the datagram */
    bool grows;                        /* the segment's length is this datagram's */
    uint32_t held_upto, held_captured; /* what the pieces were when its length was read */
    struct tca_segment seg;

    struct part part[PIECES_MAX];
    uint8_t parts;
    bool more_parts;  /* than are known */
    bool known;       /* `seg` is what was told of it */
    bool whole, done; /* done: it waits for copies only */
    uint8_t copies;   /* of the segment that were told */
    int64_t whole_ns; /* when it became so */
};

struct tca_fragments {
    struct tca_fragmented *oldest, *newest, *free, *spent;
    struct tca_fragmented *first_done, *last_done; /* `newer` leads from the first to the last */
    uint32_t count, fresh;                         /* entries in the lists; slots used so far */
    bool ready;                                    /* a datagram became whole */
    struct tca_segment seg;
    uint64_t frame[PIECES_MAX], told[PIECES_MAX]; /* its pieces; those of the segment told last */
    uint8_t pieces, told_pieces;
    uint64_t seed; /* so that nobody can aim at one chain */
    struct tca_fragmented *hash[HASH_SLOTS];
    uint16_t held[TUPLE_SLOTS]; /* segments kept, by their tuple: most connections have none */
    struct tca_fragmented slot[SLOTS];
};

struct tca_fragments *tca_fragments_new(void)
{
    struct tca_fragments *table = tca_alloc(sizeof *table);
    if (table)
        table->seed = tca_random_seed(table);
    return table;
}

void tca_fragments_free(struct tca_fragments *table)
{
    tca_free(table);
}

/* ---- entries ---- */

static uint32_t address_bytes(uint8_t family)
{
    return family == 4 ? 4 : 16;
}

static uint16_t bucket_of(const struct tca_walk *walk, const struct tca_piece *piece)
{
    uint32_t bytes = address_bytes(walk->family);
    uint64_t named = walk->fragments->seed + ((uint64_t)piece->protocol << 32 | piece->id);
    uint64_t hash = XXH3_64bits_withSeed(walk->dst, bytes, XXH3_64bits_withSeed(walk->src, bytes, named));
    return (uint16_t)(hash % HASH_SLOTS);
}

/* One whose fragments are still coming, or one that is done. */
static struct tca_fragmented *find(const struct tca_fragments *table, const struct tca_walk *walk,
                                   const struct tca_piece *piece, uint16_t bucket, bool done)
{
    uint32_t bytes = address_bytes(walk->family);

    for (struct tca_fragmented *e = table->hash[bucket]; e; e = e->chain)
        if (e->done == done && e->key.id == piece->id && e->key.protocol == piece->protocol &&
            e->family == walk->family && !memcmp(e->src, walk->src, bytes) &&
            !memcmp(e->dst, walk->dst, bytes))
            return e;
    return NULL;
}

static void leave_chain(struct tca_fragments *table, const struct tca_fragmented *e)
{
    struct tca_fragmented **link = &table->hash[e->bucket];

    while (*link != e)
        link = &(*link)->chain;
    *link = e->chain;
}

/* The one that became whole first of those that are done. */
static struct tca_fragmented *leave_done(struct tca_fragments *table)
{
    struct tca_fragmented *e = table->first_done;

    if (!e)
        return NULL;
    leave_chain(table, e);
    table->first_done = e->newer;
    if (!e->newer)
        table->last_done = NULL;
    return e;
}

/* A slot that nobody has used yet comes late: the memory of a capture without fragments is never touched. */
static struct tca_fragmented *take_slot(struct tca_fragments *table)
{
    struct tca_fragmented *e = table->free;

    if (e)
        table->free = e->newer;
    else if (table->fresh < SLOTS)
        e = &table->slot[table->fresh++];
    else
        e = leave_done(table);
    return e;
}

static struct tca_fragmented *begin(struct tca_fragments *table, const struct tca_walk *walk,
                                    const struct tca_piece *piece, uint16_t bucket)
{
    struct tca_fragmented *e = take_slot(table);

    if (!e)
        return NULL;
    *e = (struct tca_fragmented){.older = table->newest,
                                 .chain = table->hash[bucket],
                                 .key = *piece,
                                 .family = walk->family,
                                 .bucket = bucket,
                                 .time_ns = walk->rec->time_ns,
                                 .readable = PREFIX_MAX};
    memcpy(e->src, walk->src, address_bytes(walk->family));
    memcpy(e->dst, walk->dst, address_bytes(walk->family));
    if (table->newest)
        table->newest->newer = e;
    else
        table->oldest = e;
    table->newest = e;
    table->hash[bucket] = e;
    table->count++;
    return e;
}

static uint16_t *held_of(struct tca_fragments *table, const struct tca_segment *seg)
{
    unsigned mix = (unsigned)seg->sport ^ seg->dport ^ seg->src[15] ^ seg->dst[15];
    return &table->held[(mix ^ mix >> 8) % TUPLE_SLOTS];
}

static void let_go(struct tca_fragments *table, struct tca_fragmented *e)
{
    if (e->holds)
        --*held_of(table, &e->seg);
    e->holds = false;
}

/* Out of all lists; its memory stays as it is until tca_fragments_due(). */
static void finish(struct tca_fragments *table, struct tca_fragmented *e)
{
    let_go(table, e);
    leave_chain(table, e);
    *(e->older ? &e->older->newer : &table->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &table->newest) = e->older;
    e->newer = table->spent;
    table->spent = e;
    table->count--;
}

static void set_free(struct tca_fragments *table, struct tca_fragmented *e)
{
    e->newer = table->free;
    table->free = e;
}

/* From now on it waits for copies of its fragments. */
static void join_done(struct tca_fragments *table, struct tca_fragmented *e)
{
    e->done = true;
    e->pieces = 0;
    e->newer = NULL;
    e->chain = table->hash[e->bucket];
    table->hash[e->bucket] = e;
    *(table->last_done ? &table->last_done->newer : &table->first_done) = e;
    table->last_done = e;
}

static bool may_be_copied(const struct tca_fragmented *e, int64_t now_ns)
{
    return llabs(now_ns - e->whole_ns) < COPY_NS;
}

static void reclaim(struct tca_fragments *table, int64_t now_ns)
{
    while (table->spent) {
        struct tca_fragmented *e = table->spent;
        table->spent = e->newer;
        if (e->known && e->whole && !e->more_parts)
            join_done(table, e);
        else
            set_free(table, e);
    }
    while (table->first_done && !may_be_copied(table->first_done, now_ns))
        set_free(table, leave_done(table));
}

/* ---- pieces ---- */

/* Bytes [from, to), which nobody has brought yet; `bytes` is where `from` lies, of which `left` were captured. */
static void keep_bytes(struct tca_fragmented *e, uint32_t from, uint32_t to, const uint8_t *bytes,
                       uint32_t left)
{
    uint32_t have = to - from < left ? to - from : left;

    e->captured += have;
    if (from + have < to && from + have < e->readable)
        e->readable = from + have;
    if (from >= PREFIX_MAX)
        return;
    memcpy(e->prefix + from, bytes, have < PREFIX_MAX - from ? have : PREFIX_MAX - from);
}

/* The parts of [from, to) that the spans do not cover yet. */
static void keep_new_bytes(struct tca_fragmented *e, const struct tca_cursor *cursor, uint32_t from,
                           uint32_t to)
{
    uint32_t at = from;

    for (int i = 0; i <= e->spans && at < to; i++) {
        uint32_t stop = i < e->spans ? e->span[i].from : to;
        uint32_t skip = at - from < cursor->left ? at - from : cursor->left;

        stop = stop < to ? stop : to;
        if (at < stop)
            keep_bytes(e, at, stop, cursor->at + skip, cursor->left - skip);
        if (i < e->spans && e->span[i].to > at)
            at = e->span[i].to;
    }
}

/* Put [from, to) among the sorted spans, which never touch each other; there is room for one more. */
static void add_span(struct tca_fragmented *e, uint32_t from, uint32_t to)
{
    int first = 0, beyond;

    while (first < e->spans && e->span[first].to < from)
        first++;
    for (beyond = first; beyond < e->spans && e->span[beyond].from <= to; beyond++) {
        from = e->span[beyond].from < from ? e->span[beyond].from : from;
        to = e->span[beyond].to > to ? e->span[beyond].to : to;
    }
    memmove(&e->span[first + 1], &e->span[beyond], (size_t)(e->spans - beyond) * sizeof *e->span);
    e->spans = (uint8_t)(e->spans + 1 - (beyond - first));
    e->span[first] = (struct span){from, to};
}

/* Does it contradict what the others said of the datagram's length? */
static bool fits(const struct tca_fragmented *e, uint32_t to, bool more)
{
    if (e->has_total)
        return to <= e->total && (more || to == e->total);
    return more || !e->spans || e->span[e->spans - 1].to <= to;
}

static bool add_piece(struct tca_fragmented *e, const struct tca_cursor *cursor,
                      const struct tca_piece *piece)
{
    uint32_t from = piece->offset, to = from + cursor->wire;

    if (e->spans == PIECES_MAX || !fits(e, to, piece->more))
        return false;
    if (from < to) {
        keep_new_bytes(e, cursor, from, to);
        add_span(e, from, to);
    }
    if (!piece->more) {
        e->has_total = true;
        e->total = to;
    }
    e->cut |= cursor->left < cursor->wire;
    return true;
}

/* The records of the datagram whose segment is ready. */
static void note_pieces(struct tca_fragments *table, const struct tca_fragmented *whole)
{
    table->pieces = whole->pieces;
    memcpy(table->frame, whole->frame, sizeof table->frame);
}

/* ---- copies ---- */

static uint64_t print_of(const struct tca_cursor *cursor, const struct tca_piece *piece)
{
    uint64_t place = (uint64_t)piece->offset << 32 | cursor->wire << 1 | piece->more;
    return XXH3_64bits_withSeed(cursor->at, cursor->left, place);
}

static struct part *part_of(struct tca_fragmented *e, uint64_t print)
{
    for (int i = 0; i < e->parts; i++)
        if (e->part[i].print == print)
            return &e->part[i];
    return NULL;
}

static void count_copy(struct part *part)
{
    if (part->copies < UINT8_MAX)
        part->copies++;
}

static void note_part(struct tca_fragmented *e, uint64_t print)
{
    struct part *part = part_of(e, print);

    if (part)
        count_copy(part);
    else if (e->parts < PIECES_MAX)
        e->part[e->parts++] = (struct part){.print = print};
    else
        e->more_parts = true;
}

/* So often has each of its fragments come again. */
static uint8_t times_again(const struct tca_fragmented *e)
{
    uint8_t least = UINT8_MAX;

    for (int i = 0; i < e->parts; i++)
        least = e->part[i].copies < least ? e->part[i].copies : least;
    return least;
}

/* The segment once more, of the time and frame of the record that completed it. A router on the way took from the TTL of the
 * fragments, which is the segment's only where nothing else is around it. */
static void tell_again(struct tca_walk *walk, struct tca_fragmented *e)
{
    struct tca_fragments *table = walk->fragments;

    e->copies++;
    table->ready = true;
    table->seg = e->seg;
    table->seg.time_ns = walk->rec->time_ns;
    table->seg.frame = walk->rec->frame;
    table->seg.left_out = walk->rec->left_out;
    table->seg.again = true;
    if (e->protocol == PROTOCOL_TCP)
        table->seg.ttl = walk->ttl;
    note_pieces(table, e);
    e->pieces = 0;
    walk->ret_seg->fragmented = true;
    walk->whole = NULL; /* of a datagram around it nothing is to be kept */
}

/* A copy of a fragment whose datagram is whole. */
static enum tca_taken take_copy(struct tca_walk *walk, const struct tca_piece *piece, uint16_t bucket,
                                uint64_t print)
{
    struct tca_fragmented *e = find(walk->fragments, walk, piece, bucket, true);
    struct part *part = e && may_be_copied(e, walk->rec->time_ns) ? part_of(e, print) : NULL;

    if (!part)
        return FRAGMENT_NOT_TAKEN;
    count_copy(part);
    if (e->pieces < PIECES_MAX)
        e->frame[e->pieces++] = walk->rec->frame;
    if (times_again(e) == e->copies)
        return FRAGMENT_TAKEN;
    tell_again(walk, e);
    return FRAGMENT_AGAIN;
}

static bool is_whole(const struct tca_fragmented *e)
{
    return e->has_total && e->spans == 1 && e->span[0].from == 0 && e->span[0].to == e->total;
}

/* ---- the walk, into the table and out of it ---- */

static void note_first(struct tca_fragmented *e, const struct tca_walk *walk, uint8_t protocol)
{
    e->has_first = true;
    e->first_cut = walk->cursor.left < walk->cursor.wire;
    e->protocol = protocol;
    e->ttl = walk->ttl;
    e->ip_id = walk->ip_id;
    e->df = walk->df;
    e->routed = walk->routed;
    e->direction = walk->direction;
    e->left_out = walk->rec->left_out;
    e->tags = walk->tags;
}

/* Go on in the datagram instead of the fragment. Which bytes the receiver took where pieces overlap nobody knows, so the
 * checksum stays unverified. */
static void go_on_whole(struct tca_walk *walk, struct tca_fragmented *e)
{
    walk->whole = e;
    walk->cursor = (struct tca_cursor){e->prefix, e->total < e->readable ? e->total : e->readable, e->total};
    walk->src = e->src;
    walk->dst = e->dst;
    walk->ttl = e->ttl;
    walk->ip_id = e->ip_id;
    walk->df = e->df;
    walk->routed = e->routed;
    walk->direction = e->direction;
    walk->left_out = e->left_out;
    walk->tags = e->tags;
    walk->more_fragments = false;
    walk->verify_checksums = false;
}

/* More bytes that were captured, but none that lie behind a hole or behind the packet inside: those are not in its payload. */
static void add_captured(struct tca_segment *seg, uint32_t bytes)
{
    seg->captured = bytes < seg->len - seg->captured ? seg->captured + bytes : seg->len;
}

static void grow(const struct tca_fragmented *e, struct tca_segment *seg)
{
    seg->len += (e->has_total ? e->total : e->span[0].to) - e->held_upto;
    add_captured(seg, e->captured - e->held_captured);
    if (!e->has_total)
        seg->flags &= (uint16_t)~TCA_FIN;
}

/* What was told of it; copies may come. */
static void know(struct tca_fragmented *e, const struct tca_segment *seg)
{
    e->known = true;
    e->seg = *seg;
}

/* What was kept of the first fragment, with the length that is known by now. */
static void hand_on(struct tca_fragments *table, struct tca_fragmented *e, struct tca_segment *ret_seg)
{
    let_go(table, e);
    e->handed_on = true;
    table->told_pieces = e->pieces;
    memcpy(table->told, e->frame, sizeof table->told);
    *ret_seg = e->seg;
    ret_seg->partial = !e->shown;
    if (e->grows)
        grow(e, ret_seg);
    know(e, ret_seg);
}

/* The last gap is closed. */
static enum tca_taken complete(struct tca_walk *walk, struct tca_fragmented *e, uint8_t *ret_protocol)
{
    struct tca_fragments *table = walk->fragments;
    bool told = e->handed_on;

    if (e->holds && e->shown) { /* known since its first fragment; now its length is, too */
        hand_on(table, e, &table->seg);
        note_pieces(table, e);
        table->ready = told = true;
    }
    e->whole = true;
    e->whole_ns = walk->rec->time_ns;
    finish(table, e);
    if (told)
        return FRAGMENT_TAKEN;
    *ret_protocol = e->protocol;
    go_on_whole(walk, e);
    return FRAGMENT_WHOLE;
}

enum tca_taken tca_fragments_take(struct tca_walk *walk, const struct tca_piece *piece, uint8_t *ret_protocol)
{
    const struct tca_cursor *cursor = &walk->cursor;
    uint16_t bucket = bucket_of(walk, piece);
    uint64_t print = print_of(cursor, piece);
    bool first = piece->offset == 0;
    struct tca_fragmented *e;
    enum tca_taken copy;

    if ((cursor->wire == 0 && piece->more) || piece->offset + cursor->wire > DATAGRAM_MAX)
        return FRAGMENT_NOT_TAKEN;
    e = find(walk->fragments, walk, piece, bucket, false);
    if (!e && (copy = take_copy(walk, piece, bucket, print)) != FRAGMENT_NOT_TAKEN)
        return copy;
    if (!e && !piece->join_only)
        e = begin(walk->fragments, walk, piece, bucket);
    if (!e)
        return FRAGMENT_NOT_TAKEN;
    if (e->pieces < PIECES_MAX)
        e->frame[e->pieces++] = walk->rec->frame;
    if (!add_piece(e, cursor, piece))
        return FRAGMENT_TAKEN;
    note_part(e, print);
    first = first && !e->has_first;
    if (first)
        note_first(e, walk, *ret_protocol);
    if (is_whole(e))
        return complete(walk, e, ret_protocol);
    if (!first)
        return FRAGMENT_TAKEN;
    walk->first_of = e;
    return FRAGMENT_FIRST;
}

/* A first fragment with a whole TCP header. */
static void hold(struct tca_fragments *table, struct tca_fragmented *e, const struct tca_walk *walk,
                 const struct tca_segment *seg)
{
    e->holds = true;
    e->seg = *seg;
    e->grows = walk->more_fragments;
    e->shown = e->family == 4 && e->first_cut;
    e->held_upto = e->span[0].to;
    e->held_captured = e->captured;
    ++*held_of(table, seg);
}

/* The walk is over, in a fragment that waits for others or in a datagram that became whole: keep its segment. */
static enum tca_outcome keep(struct tca_fragments *table, const struct tca_walk *walk,
                             enum tca_outcome outcome)
{
    const struct tca_fragmented *whole = walk->whole;
    struct tca_segment *seg = walk->ret_seg;
    bool told = whole && whole->told;

    if (outcome == TCA_OUTCOME_tcp && walk->first_of) {
        seg->fragmented = true;
        walk->first_of->told = true;
        hold(table, walk->first_of, walk, seg);
    } else if (outcome == TCA_OUTCOME_tcp) {
        seg->fragmented = true;
        seg->partial = whole->cut && !(whole->family == 4 && whole->first_cut);
        add_captured(seg,
                     whole->captured - (whole->total < whole->readable ? whole->total : whole->readable));
        table->ready = true;
        table->seg = *seg;
        note_pieces(table, whole);
        know(walk->whole, seg);
    }
    return told ? TCA_OUTCOME_fragment : outcome;
}

enum tca_outcome tca_fragments_walk(struct tca_fragments *table, const struct tca_record *rec,
                                    bool verify_checksums, struct tca_segment *ret_seg)
{
    struct tca_walk walk = walk_begin(table, rec, verify_checksums, ret_seg);
    enum tca_outcome outcome = tca_walk_run(&walk);

    return walk.first_of || walk.whole ? keep(table, &walk, outcome) : outcome;
}

/* ---- what is due ---- */

static bool same_tuple(const struct tca_segment *a, const struct tca_segment *b, bool swapped)
{
    return a->sport == (swapped ? b->dport : b->sport) && a->dport == (swapped ? b->sport : b->dport) &&
           !memcmp(a->src, swapped ? b->dst : b->src, 16) && !memcmp(a->dst, swapped ? b->src : b->dst, 16);
}

/* Must the kept segment be handed on before the other one? What its sender sent after it, and what its receiver can
 * say only because it got the datagram: by then all fragments have passed. Other segments leave it time. */
static bool comes_before(const struct tca_segment *kept, const struct tca_segment *other)
{
    if (same_tuple(kept, other, false))
        return !seq_before(other->seq, kept->seq);
    if (!same_tuple(kept, other, true))
        return false;
    return !(other->flags & TCA_ACK) || seq_after(other->ack, kept->seq);
}

static struct tca_fragmented *kept_before(struct tca_fragments *table, const struct tca_segment *other)
{
    if (!*held_of(table, other))
        return NULL;
    for (struct tca_fragmented *e = table->oldest; e; e = e->newer)
        if (e->holds && comes_before(&e->seg, other))
            return e;
    return NULL;
}

static bool overdue(const struct tca_fragments *table, const struct tca_fragmented *e, int64_t now_ns)
{
    return table->count > TCA_FRAGMENTS_MAX || now_ns - e->time_ns >= patience_ns;
}

TCA_APART static bool is_due(struct tca_fragments *table, const struct tca_segment *next, int64_t now_ns,
                             struct tca_segment *ret_seg)
{
    struct tca_fragmented *e;

    reclaim(table, now_ns);
    while ((e = table->oldest) && overdue(table, e, now_ns)) {
        bool holds = e->holds;
        if (holds)
            hand_on(table, e, ret_seg);
        finish(table, e);
        if (holds)
            return true;
    }
    if (table->ready)
        next = &table->seg;
    e = next ? kept_before(table, next) : NULL;
    if (e) {
        hand_on(table, e, ret_seg);
        return true;
    }
    if (!table->ready)
        return false;
    table->ready = false;
    table->told_pieces = table->pieces;
    memcpy(table->told, table->frame, sizeof table->told);
    *ret_seg = table->seg;
    return true;
}

bool tca_fragments_any(const struct tca_fragments *table)
{
    return table->count || table->spent || table->ready;
}

bool tca_fragments_due(struct tca_fragments *table, const struct tca_segment *next, int64_t now_ns,
                       struct tca_segment *ret_seg)
{
    return tca_fragments_any(table) && is_due(table, next, now_ns, ret_seg);
}

unsigned tca_fragments_pieces(const struct tca_fragments *table, const uint64_t **ret_frame)
{
    *ret_frame = table->told;
    return table->told_pieces;
}
