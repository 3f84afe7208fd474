/* SPDX-License-Identifier: MIT
 *
 * When was the accept queue full?
 *
 * Linux drops a SYN without a word, and ignores a third ACK, while the accept queue holds more than its limit
 * (sock.h sk_acceptq_is_full, tcp_input.c tcp_conn_request, tcp_ipv4.c tcp_v4_syn_recv_sock; read in 5.10
 * to 7.2, measured on 6.18). The queue itself is not on the wire, but a bound of it is: candidates,
 * connections that were created and not yet proved accepted.
 *
 *     candidates   ______________________            drops happen at one level, the limit, and not below it;
 *                 /  x  x xx x  x x xxx  \           admissions happen below it
 *     __/\__/\___/                        \__/\_     x: a SYN left unanswered
 *            stall                     resume
 *
 * accept() takes the oldest, so when one is proved accepted all before it are: a suffix minimum over the
 * order of creation. A client that went away leaves its child in the queue. With several queues behind one
 * port (SO_REUSEPORT) that order does not hold; then connections that wait much longer than the rest are
 * counted instead.
 *
 * What a lossy path does is different: it drops at any level, and others are answered at the same level
 * meanwhile. So the level must separate drops from answers. A pool of workers blurs the level by what they
 * have in hand; then the slots are counted: from one drop on, every accept() frees a place and every child
 * takes one, and only without a free place a SYN is dropped. Then the service was either calm, accepting
 * nothing, and the queue filled up first; or it was slow, and then the drops must be many. Everything is
 * sorted or merged a bounded number of times: n log n in the number of edges.
 *
 * Idle connections on a service that says nothing look like a queue as well, and an outage of the path or a
 * firewall like its limit. So it must also be seen that the application owes something: most candidates have
 * asked, or ACKs were refused. A full queue lets nobody in before accept() took one. And the kernel goes on
 * acknowledging what queued connections send: repeats in vain on established connections are the path's. Near
 * the server, though, what nothing answered before there was a child was refused, as by a full queue after a SYN
 * cookie: together with SYNs dropped it tells, alone a filter on the host explains it as well.
 */
#include "classify/episode.h"

#include "base/alloc.h"
#include "base/sorted.h"

#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

#define SECOND INT64_C(1000000000)

/* Neighbouring drops belong together up to the third gap of a classic SYN ladder (4 s, an eighth late): a
 * client that retries is then never lost between two of its own copies while the queue may still be full.
 * While nothing at all is accepted or answered they belong together however far they are apart. */
static const int64_t GAP_NS = 4500000000;
/* After the end, retries come at least this often while a ladder is young: they are answered within this
 * time. */
static const int64_t BURST_NS = 1500000000;
static const int64_t SHORT_CALM_NS =
    SECOND; /* shorter times without a proof of accept() must have filled the queue */
static const int64_t STALLED_NS = SECOND; /* of one of several queues: waits at least this long, ... */
enum {
    STALLED_TIMES = 10, /* ... and this many times the usual */
    LEVEL_SLACK = 2,    /* the level is known within this: one in hand, one in flight */
    SLOW_CERTAIN = 20,  /* drops at the level, none below */
    SLOW_PROBABLE = 10,
    PARTIAL_PROBABLE = 5,
    SEPARATION = 70, /* percent: drops at the level or above, less answers there, each of its own total */
    FROZEN_CERTAIN = 5,
    FROZEN_ALONE = 3, /* drops of one connection only */
    ABORTS_AGREE = 3,
    LADDERS_AGREE = 3,   /* seen from away, of connections that nobody else's admission contradicts */
    ADMITTED_MAX = 20,   /* percent of all answers of the capture, at the level of a frozen service */
    SLOTS_MIN = 10,      /* drops, and answers, that the count of free places foretold or not */
    FILLED_MIN = 3,      /* of the queue, since the last proof of accept(), seen from away */
    SLOW_PROOFS = 5,     /* of accept(), and answers to SYNs, between the drops of a slow service */
    ONE_PLACE_FLOWS = 5, /* connections hit, when the queue has one place only: one that waits is nothing */
    PART_MIN = 64,       /* instants of a part that is judged for itself, */
    PARTS = 16,          /* or this fraction of all */
    BEGUN_PROBABLE = 10, /* drops, of a queue that was full when the capture began; */
    BEGUN_FLOWS = 3,     /* connections hit, and connections answered together afterwards */
    CORES_MAX = 8,       /* frozen times told of one run of drops */
    GAPS_SHARE = 10,     /* one connection in so many of which segments were not captured is too many */
    LOSSES_SHARE = 10,   /* one run of repeats in vain for so many connections hit is the path's doing */
};
/* From accept() to the first word of a healthy service, at most: so long may SYNs be answered without proof. */
static const int64_t GRACE_NS = SECOND;

/* A moment at which the queue was full, if it was. */
struct instant {
    int64_t time_ns;
    uint64_t frame;
    uint64_t
        served; /* answers to new SYNs and proofs of accept() so far: equal means nothing happened between */
    uint32_t conn, weight;
    uint32_t candidates; /* in one queue */
    uint32_t asking;     /* of these: sent a request or FIN and wait for the application */
    uint32_t stalled;    /* in one of several */
    uint8_t kind;        /* enum tca_edge_kind */
    bool weak;
    bool censored; /* connections older than the capture may stand before: candidates is a lower bound */
};

/* An answer to a new SYN: the queue was not full. */
struct answer {
    int64_t time_ns;
    uint32_t conn, candidates;
    uint32_t peak;   /* most candidates so far */
    uint32_t asking; /* of the candidates: wait for the application */
};

/* When a connection was answered; each at most once. */
struct taken {
    uint32_t conn;
    int64_t time_ns;
};

struct board {
    const struct tca_conn *conn;
    const struct tca_listener *l;
    /* Children in order of creation: when created, when accepted at the latest (FIFO), own proof. */
    int64_t *created, *accepted, *proved;
    int64_t *ask; /* since when it waits for the application's word; INT64_MAX: it does not */
    size_t children;
    int64_t
        *loose; /* of children whose place in that order is not known: when accepted at the latest, sorted */
    size_t looses;
    int64_t *proof; /* own proofs, sorted */
    size_t proofs;
    int64_t *asked, *released; /* of candidates that asked: since when, and when accepted, each sorted */
    size_t asks;
    int64_t *heard; /* first words on connections older than the capture, sorted */
    size_t heards;
    bool speaks;      /* the application has sent payload on some connection */
    int64_t usual_ns; /* from creation to the first word; -1: not asked for yet */
    const struct tca_losses *loss;
    struct instant *instant;
    size_t instants;
    struct answer *answer; /* of connections that were not stuck afterwards */
    size_t answers;
    int64_t *answered_at, *dropped_at; /* candidates at all answers, and at all strong instants, sorted */
    size_t dropped;
    int64_t *owed_at; /* of these answers: where most candidates had asked */
    size_t owed;
    /* Children that waited much longer than the rest, for several queues; built when first asked for. */
    int64_t *late_created, *late_proof;
    size_t late;
    struct taken *taken; /* as many as answers, by connection; built with them */
    bool late_known;
    uint64_t *number; /* scratch, one per edge */
    struct tca_episode *episode;
};

/* A run of instants that may be one episode. */
struct group {
    const struct instant *instant;
    size_t count;
    int64_t first_ns, last_ns;      /* of those that count */
    uint32_t level;                 /* the number of candidates at which the queue was full */
    uint32_t separation;            /* percent, how well that level tells drops from answers */
    uint32_t strong;                /* instants that have no other explanation of their own, */
    uint32_t at_level, near, below; /* at the level or above, within the slack of it, below that */
    uint32_t asked;                 /* strong instants at which most candidates waited for an answer */
    uint32_t flows, stuck_flows, refused_flows;
    bool begun; /* full when the capture began: told by what was answered afterwards */
};

/* ---- small numbers ---- */

static size_t sort_unique(uint64_t *number, size_t count)
{
    size_t kept = 0;
    qsort(number, count, sizeof *number, tca_order_u64);
    for (size_t at = 0; at < count; at++)
        if (!kept || number[kept - 1] != number[at])
            number[kept++] = number[at];
    return kept;
}

/* Index of the first answer at or after this time. */
static size_t first_answer(const struct board *b, int64_t from_ns)
{
    size_t low = 0, high = b->answers;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        if (b->answer[at].time_ns < from_ns)
            low = at + 1;
        else
            high = at;
    }
    return low;
}

static uint32_t add_clipped(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* ---- the board ---- */

static int board_new(struct board *b, const struct tca_edge *edge, size_t count)
{
    size_t children = 0, answers = 0, instants = 0;
    for (size_t at = 0; at < count; at++) {
        children += edge[at].kind == TCA_EDGE_CHILD;
        answers += edge[at].kind == TCA_EDGE_SYNACK;
        instants += edge[at].kind == TCA_EDGE_DROP || edge[at].kind == TCA_EDGE_IGNORED ||
                    edge[at].kind == TCA_EDGE_ABORTED;
    }
    b->created = tca_alloc(children * sizeof *b->created);
    b->accepted = tca_alloc(children * sizeof *b->accepted);
    b->proved = tca_alloc(children * sizeof *b->proved);
    b->ask = tca_alloc(children * sizeof *b->ask);
    b->loose = tca_alloc(children * sizeof *b->loose);
    b->proof = tca_alloc(children * sizeof *b->proof);
    b->asked = tca_alloc(children * sizeof *b->asked);
    b->released = tca_alloc(children * sizeof *b->released);
    b->heard = tca_alloc(count * sizeof *b->heard);
    b->late_created = tca_alloc(children * sizeof *b->late_created);
    b->late_proof = tca_alloc(children * sizeof *b->late_proof);
    b->instant = tca_alloc(instants * sizeof *b->instant);
    b->answer = tca_alloc(answers * sizeof *b->answer);
    b->taken = tca_alloc(answers * sizeof *b->taken);
    b->answered_at = tca_alloc(answers * sizeof *b->answered_at);
    b->owed_at = tca_alloc(answers * sizeof *b->owed_at);
    b->dropped_at = tca_alloc(instants * sizeof *b->dropped_at);
    b->number = tca_alloc(count * sizeof *b->number);
    bool complete = b->created && b->accepted && b->proved && b->ask && b->loose && b->proof && b->asked &&
                    b->released && b->heard && b->late_created && b->late_proof && b->instant && b->answer &&
                    b->taken && b->answered_at && b->owed_at && b->dropped_at && b->number;
    return complete ? TCA_OK : TCA_EMEMORY;
}

static void board_free(struct board *b)
{
    tca_free(b->created);
    tca_free(b->accepted);
    tca_free(b->proved);
    tca_free(b->ask);
    tca_free(b->loose);
    tca_free(b->proof);
    tca_free(b->asked);
    tca_free(b->released);
    tca_free(b->heard);
    tca_free(b->late_created);
    tca_free(b->late_proof);
    tca_free(b->instant);
    tca_free(b->answer);
    tca_free(b->taken);
    tca_free(b->answered_at);
    tca_free(b->owed_at);
    tca_free(b->dropped_at);
    tca_free(b->number);
}

/* accept() takes the oldest: a child is accepted at the latest when a younger one is. */
static void apply_fifo(struct board *b)
{
    int64_t oldest = INT64_MAX;
    for (size_t at = b->children; at-- > 0;) {
        if (b->proved[at] < oldest)
            oldest = b->proved[at];
        b->accepted[at] = oldest > b->created[at] ? oldest : b->created[at];
    }
}

/* A child that may be older than it looks says nothing about the others; they say something about it. */
static void gather_loose(struct board *b, const struct tca_edge *edge, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        if (edge[at].kind != TCA_EDGE_CHILD || !edge[at].loose)
            continue;
        size_t younger = tca_count_until(b->created, b->children, edge[at].time_ns);
        int64_t accepted = edge[at].other_ns;
        if (accepted == INT64_MAX && younger < b->children)
            accepted = b->accepted[younger];
        b->loose[b->looses++] = accepted;
    }
    qsort(b->loose, b->looses, sizeof *b->loose, tca_order_i64);
}

/* Most connections on which the server sent payload got it unasked: a banner. Then all wait for it. */
static bool speaks_unasked(struct board *b, const struct tca_edge *edge, size_t count)
{
    size_t answering = 0, first = 0;
    for (size_t at = 0; at < count; at++) {
        if (edge[at].kind != TCA_EDGE_CHILD)
            continue;
        answering += b->conn[edge[at].conn].answers;
        first += b->conn[edge[at].conn].speaks_first;
    }
    b->speaks = answering > 0 || b->l->spoke > 0;
    return first > 0 && 2 * first >= answering;
}

static void gather_asks(struct board *b, const struct tca_edge *edge, size_t count)
{
    bool unasked = speaks_unasked(b, edge, count);
    size_t child = 0;
    for (size_t at = 0; at < count; at++) {
        if (edge[at].kind != TCA_EDGE_CHILD || edge[at].loose)
            continue;
        b->ask[child] = unasked || edge[at].ask_ns < b->created[child] ? b->created[child] : edge[at].ask_ns;
        if (b->ask[child] < b->accepted[child]) {
            b->asked[b->asks] = b->ask[child];
            b->released[b->asks++] = b->accepted[child];
        }
        child++;
    }
    qsort(b->asked, b->asks, sizeof *b->asked, tca_order_i64);
    qsort(b->released, b->asks, sizeof *b->released, tca_order_i64);
}

static void gather_children(struct board *b, const struct tca_edge *edge, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        if (edge[at].kind == TCA_EDGE_HEARD)
            b->heard[b->heards++] = edge[at].time_ns;
        if (edge[at].kind != TCA_EDGE_CHILD)
            continue;
        if (edge[at].other_ns != INT64_MAX)
            b->proof[b->proofs++] = edge[at].other_ns;
        if (edge[at].loose)
            continue;
        b->created[b->children] = edge[at].time_ns;
        b->proved[b->children++] = edge[at].other_ns;
    }
    qsort(b->proof, b->proofs, sizeof *b->proof, tca_order_i64);
    apply_fifo(b);
    gather_loose(b, edge, count);
    gather_asks(b, edge, count);
}

static bool is_instant(const struct tca_edge *edge)
{
    return edge->kind == TCA_EDGE_DROP || edge->kind == TCA_EDGE_IGNORED || edge->kind == TCA_EDGE_ABORTED;
}

static uint32_t asking_at(const struct board *b, int64_t time_ns)
{
    return (uint32_t)(tca_count_until(b->asked, b->asks, time_ns) -
                      tca_count_until(b->released, b->asks, time_ns));
}

/* Walk all edges in time order, counting candidates. */
static void count_candidates(struct board *b, struct tca_listener *l, const struct tca_edge *edge,
                             size_t count)
{
    size_t created = 0, accepted = 0, loose = 0, proofs = 0;
    for (size_t at = 0; at < count; at++) {
        const struct tca_edge *e = &edge[at];
        while (accepted < b->children && b->accepted[accepted] <= e->time_ns)
            accepted++;
        while (loose < b->looses && b->loose[loose] <= e->time_ns)
            loose++;
        while (proofs < b->proofs && b->proof[proofs] <= e->time_ns)
            proofs++;
        uint32_t candidates = created > accepted + loose ? (uint32_t)(created - accepted - loose) : 0;
        created += (e->kind == TCA_EDGE_CHILD && !e->loose) || e->kind == TCA_EDGE_EARLY;
        if (candidates > l->peak_unaccepted)
            l->peak_unaccepted = candidates;
        if (e->kind == TCA_EDGE_SYNACK && !b->conn[e->conn].stuck && !b->conn[e->conn].refused)
            b->answer[b->answers++] = (struct answer){.time_ns = e->time_ns,
                                                      .conn = e->conn,
                                                      .candidates = candidates,
                                                      .peak = (uint32_t)l->peak_unaccepted,
                                                      .asking = asking_at(b, e->time_ns)};
        if (is_instant(e))
            b->instant[b->instants++] =
                (struct instant){.time_ns = e->time_ns,
                                 .frame = e->frame,
                                 .served = b->answers + proofs,
                                 .conn = e->conn,
                                 .weight = e->weight,
                                 .candidates = candidates,
                                 .asking = asking_at(b, e->time_ns),
                                 .kind = e->kind,
                                 .weak = e->weak,
                                 .censored = l->midstream && (!b->children || e->time_ns < b->accepted[0])};
    }
}

static void sort_levels(struct board *b)
{
    for (size_t at = 0; at < b->answers; at++) {
        b->answered_at[at] = b->answer[at].candidates;
        if (2 * (uint64_t)b->answer[at].asking >= b->answer[at].candidates)
            b->owed_at[b->owed++] = b->answer[at].candidates;
    }
    for (size_t at = 0; at < b->instants; at++)
        if (!b->instant[at].weak)
            b->dropped_at[b->dropped++] = b->instant[at].candidates;
    qsort(b->answered_at, b->answers, sizeof *b->answered_at, tca_order_i64);
    qsort(b->owed_at, b->owed, sizeof *b->owed_at, tca_order_i64);
    qsort(b->dropped_at, b->dropped, sizeof *b->dropped_at, tca_order_i64);
}

/* ---- one group: which level, who was hit ---- */

/* The most frequent number among the strong instants; of equals the larger. For one of several queues, where
 * answers of the others tell nothing. */
static uint32_t usual_number(const struct board *b, const struct group *g)
{
    size_t used = 0, best_count = 0;
    uint32_t best = 0;
    for (size_t at = 0; at < g->count; at++)
        if (!g->instant[at].weak)
            b->number[used++] = g->instant[at].stalled;
    qsort(b->number, used, sizeof *b->number, tca_order_u64);
    for (size_t at = 0, end; at < used; at = end) {
        for (end = at + 1; end < used && b->number[end] == b->number[at];)
            end++;
        if (end - at >= best_count) {
            best_count = end - at;
            best = (uint32_t)b->number[at];
        }
    }
    return best;
}

/* The level that best separates the strong instants, which should lie at or above it, from the answers to new
 * SYNs of the same time, which should lie below. Of equals the larger. */
static void find_level(const struct board *b, struct group *g)
{
    size_t drops = 0, answers = 0, dropped_below = 0, answered_below = 0;
    for (size_t at = 0; at < g->count; at++)
        if (!g->instant[at].weak)
            b->number[drops++] = g->instant[at].candidates;
    int64_t from = g->instant[0].time_ns - GAP_NS, to = g->instant[g->count - 1].time_ns;
    uint64_t *answer = b->number + drops;
    for (size_t at = first_answer(b, from); at < b->answers && b->answer[at].time_ns <= to; at++)
        answer[answers++] = b->answer[at].candidates;
    qsort(b->number, drops, sizeof *b->number, tca_order_u64);
    qsort(answer, answers, sizeof *answer, tca_order_u64);
    g->level = g->separation = 0;
    while (dropped_below < drops) {
        uint64_t level = b->number[dropped_below];
        while (answered_below < answers && answer[answered_below] < level)
            answered_below++;
        size_t dropped = 100 * (drops - dropped_below) / drops;
        size_t answered = answers ? 100 * (answers - answered_below) / answers : 0;
        if (dropped >= answered + g->separation) {
            g->separation = (uint32_t)(dropped - answered);
            g->level = (uint32_t)level;
        }
        while (dropped_below < drops && b->number[dropped_below] == level)
            dropped_below++;
    }
}

/* Far below the level the queue had room: something else swallowed the segment. */
static bool belongs(const struct instant *one, uint32_t level)
{
    if (one->weak)
        return one->candidates + LEVEL_SLACK >= level;
    return one->censored || 2 * (uint64_t)one->candidates > level;
}

static void tell_instant(struct tca_episode *e, struct group *g, const struct instant *one, uint32_t count)
{
    if (e->drops + e->ignored + e->aborted == 0) {
        e->first_ns = g->first_ns = one->time_ns;
        e->first_frame = one->frame;
    }
    e->last_ns = g->last_ns = one->time_ns;
    e->last_frame = one->frame;
    uint32_t *tally = one->kind == TCA_EDGE_DROP      ? &e->drops
                      : one->kind == TCA_EDGE_IGNORED ? &e->ignored
                                                      : &e->aborted;
    *tally = add_clipped(*tally, one->weight);
    if (one->weak)
        return;
    g->strong++;
    g->asked += 2 * (uint64_t)one->asking >= count;
    g->at_level += count >= g->level;
    g->near += count + LEVEL_SLACK >= g->level && count <= g->level + LEVEL_SLACK;
    if (one->censored)
        return;
    if (count + LEVEL_SLACK < g->level) {
        g->below++;
        return;
    }
    if (!e->plateau_max || count < e->plateau_min)
        e->plateau_min = count;
    if (count > e->plateau_max)
        e->plateau_max = count;
}

static void count_hit(struct board *b, struct tca_episode *e, struct group *g, const struct instant *instant,
                      size_t count, uint32_t level, bool stalled)
{
    size_t used = 0;
    for (size_t at = 0; at < count; at++)
        if (stalled || belongs(&instant[at], level))
            b->number[used++] = instant[at].conn;
    used = sort_unique(b->number, used);
    e->flows = g->flows = (uint32_t)used;
    for (size_t at = 0; at < used; at++) {
        const struct tca_conn *conn = &b->conn[b->number[at]];
        e->lost += !conn->served && conn->over;
        e->waiting += !conn->served && !conn->over;
        g->stuck_flows += conn->stuck;
        g->refused_flows += conn->refused;
        b->number[at] = conn->client;
    }
    e->clients = (uint32_t)sort_unique(b->number, used);
}

/* Count what belongs to the episode at the group's level. False if nothing does. */
static bool tell_at_level(struct board *b, struct group *g, struct tca_episode *e)
{
    *e = (struct tca_episode){.stall_ns = -1, .resume_ns = -1, .capture = b->l->capture};
    g->strong = g->asked = g->at_level = g->near = g->below = g->stuck_flows = g->refused_flows = 0;
    for (size_t at = 0; at < g->count; at++)
        if (belongs(&g->instant[at], g->level))
            tell_instant(e, g, &g->instant[at], g->instant[at].candidates);
    count_hit(b, e, g, g->instant, g->count, g->level, false);
    if (!e->plateau_max)
        e->plateau_min = e->plateau_max = g->level; /* all censored */
    return g->strong > 0;
}

static bool tell_group(struct board *b, struct group *g, struct tca_episode *e)
{
    find_level(b, g);
    return tell_at_level(b, g, e);
}

/* ---- the tests ---- */

/* Answers to new SYNs in an interval, at or above a number of candidates. */
static uint32_t count_answers(const struct board *b, int64_t from_ns, int64_t to_ns, uint32_t candidates)
{
    size_t at = first_answer(b, from_ns), count = 0;
    if (!candidates) { /* all of them: an interval may be as long as the capture, and is asked for each group */
        size_t end = to_ns < INT64_MAX ? first_answer(b, to_ns + 1) : b->answers;
        return end > at ? (uint32_t)(end - at) : 0;
    }
    for (; at < b->answers && b->answer[at].time_ns <= to_ns; at++)
        count += b->answer[at].candidates >= candidates;
    return (uint32_t)count;
}

static bool level_decides(const struct group *g)
{
    return g->level > 0 && g->separation >= SEPARATION && 10 * (uint64_t)g->below <= g->strong;
}

/* Merges what frees a place, what takes one, and what finds one or none. */
struct slots {
    size_t proof, child, answer, instant; /* next of each */
    uint64_t free;                        /* places, known to be 0 at the drop that it began with */
    bool moved;                           /* a place was freed or taken since the last one counted */
    uint32_t drops, answers;              /* counted: of several without any move between, the first */
    uint32_t drops_full, answers_free;    /* of these, as foretold */
};

static int64_t time_or_never(const int64_t *time, size_t at, size_t count)
{
    return at < count ? time[at] : INT64_MAX;
}

static void meet_answer(struct slots *s)
{
    s->answer++;
    if (!s->moved)
        return;
    s->answers++;
    s->answers_free += s->free > 0;
    s->moved = false;
}

static void meet_drop(struct slots *s, bool weak)
{
    s->instant++;
    if (weak)
        return;
    if (s->moved) {
        s->drops++;
        s->drops_full += s->free == 0;
    }
    s->free = 0;
    s->moved = false;
}

static void step_slots(const struct board *b, const struct group *g, struct slots *s)
{
    int64_t proof = time_or_never(b->proof, s->proof, b->proofs);
    int64_t child = time_or_never(b->created, s->child, b->children);
    int64_t answer = s->answer < b->answers ? b->answer[s->answer].time_ns : INT64_MAX;
    int64_t drop = g->instant[s->instant].time_ns;
    if (proof <= child && proof <= answer && proof <= drop) {
        s->proof++;
        s->free++;
        s->moved = true;
    } else if (child <= answer && child <= drop) {
        s->child++;
        s->free -= s->free > 0;
        s->moved = true;
    } else if (answer <= drop) {
        meet_answer(s);
    } else {
        meet_drop(s, g->instant[s->instant].weak);
    }
}

/* Did drops and answers follow the free places? Independent losses do not. */
static bool slots_decide(const struct board *b, const struct group *g)
{
    int64_t from = g->instant[0].time_ns;
    struct slots s = {.proof = tca_count_until(b->proof, b->proofs, from),
                      .answer = first_answer(b, from),
                      .child = tca_count_until(b->created, b->children, from)};
    while (s.instant < g->count)
        step_slots(b, g, &s);
    if (s.drops < SLOTS_MIN || s.answers < SLOTS_MIN || !g->level)
        return false;
    uint64_t foretold = 100 * (uint64_t)s.answers_free / s.answers + 100 * (uint64_t)s.drops_full / s.drops;
    return foretold >= 100 + SEPARATION;
}

struct calm {
    int64_t from_ns, to_ns; /* proofs of accept() around it; -1: none */
    int64_t first_ns, last_ns;
    uint32_t instants;
    size_t first, last; /* their places in the group */
};

/* The time without any proof of accept() that holds most of the group's instants. */
static struct calm longest_calm(const struct board *b, const struct group *g)
{
    struct calm best = {.from_ns = -1, .to_ns = -1};
    size_t next = tca_count_until(b->proof, b->proofs, g->first_ns);
    struct calm now = {.from_ns = next ? b->proof[next - 1] : -1};
    for (size_t at = 0; at <= g->count; at++) {
        bool over = at == g->count;
        if (!over && (!belongs(&g->instant[at], g->level) || g->instant[at].weak))
            continue;
        if (over || (next < b->proofs && g->instant[at].time_ns >= b->proof[next])) {
            now.to_ns = next < b->proofs ? b->proof[next] : -1;
            if (now.instants > best.instants)
                best = now;
            if (over)
                break;
            next = tca_count_until(b->proof, b->proofs, g->instant[at].time_ns);
            now = (struct calm){.from_ns = b->proof[next - 1]};
        }
        if (!now.instants++) {
            now.first_ns = g->instant[at].time_ns;
            now.first = at;
        }
        now.last_ns = g->instant[at].time_ns;
        now.last = at;
    }
    return best;
}

static bool answers_follow(const struct board *b, int64_t after_ns)
{
    size_t at = first_answer(b, after_ns);
    return at < b->answers && b->answer[at].time_ns <= after_ns + BURST_NS;
}

/* The limit does not change: at no time in the capture many were admitted at this level, or dropped below it.
 * Candidates that had asked for nothing may have been accepted long since: they do not compare with such as had. */
static bool contradicted(const struct board *b, const struct group *g)
{
    size_t admitted = 2 * (uint64_t)g->asked >= g->strong
                          ? b->owed - tca_count_before(b->owed_at, b->owed, g->level)
                          : b->answers - tca_count_before(b->answered_at, b->answers, g->level);
    return 100 * (uint64_t)admitted > ADMITTED_MAX * (uint64_t)b->answers ||
           tca_count_before(b->dropped_at, b->dropped, g->level) > g->strong;
}

/* Near the server what others sent on open connections was refused while SYNs were dropped. Without the drops a filter
 * on the host explains it as well. */
static bool refused_among_drops(const struct group *g, const struct tca_episode *e)
{
    return g->refused_flows > 0 && g->flows > 1 && e->drops > 0;
}

/* One connection that waits is nothing, unless the queue refused in both ways. */
static enum tca_confidence_level one_place_confidence(const struct group *g, const struct tca_episode *e,
                                                      bool agreed, bool narrow)
{
    if (agreed && narrow && g->strong >= SLOW_CERTAIN && g->flows >= ONE_PLACE_FLOWS)
        return TCA_EPISODE_PROBABLE;
    return narrow && g->strong >= FROZEN_ALONE && refused_among_drops(g, e) ? TCA_EPISODE_POSSIBLE : 0;
}

static enum tca_confidence_level frozen_confidence(const struct group *g, const struct tca_episode *e)
{
    bool agreed = (e->resume_ns >= 0 && e->burst_after) || g->stuck_flows > 1 || e->aborted >= ABORTS_AGREE;
    bool narrow = e->plateau_max - e->plateau_min <= LEVEL_SLACK && !g->below;
    if (g->strong < 2 || !g->level)
        return 0;
    if (g->level == 1)
        return one_place_confidence(g, e, agreed, narrow);
    if (g->flows < 2)
        return g->strong >= FROZEN_ALONE ? TCA_EPISODE_POSSIBLE : 0;
    return agreed && narrow && !e->answered && g->strong + (uint64_t)e->aborted >= FROZEN_CERTAIN
               ? TCA_EPISODE_CERTAIN
               : TCA_EPISODE_PROBABLE;
}

/* Candidates are an upper bound: a few instants may lie above the level, none below it. */
static enum tca_confidence_level slow_confidence(const struct group *g)
{
    if (g->near >= SLOW_CERTAIN && 10 * (uint64_t)g->near >= 9 * (uint64_t)g->strong && !g->below &&
        g->flows > 1)
        return TCA_EPISODE_CERTAIN;
    return g->strong >= SLOW_PROBABLE && g->flows > 1 ? TCA_EPISODE_PROBABLE : 0;
}

/* How much of the queue came after the last proof of accept(): a service that stops accepting first lets it
 * fill up. */
static size_t filled_before(const struct board *b, const struct tca_episode *e)
{
    size_t before = tca_count_until(b->created, b->children, e->stall_ns);
    return tca_count_until(b->created, b->children, e->first_ns) - before;
}

/* From a child's creation to its first word, as a rule. */
static int64_t usual_wait(struct board *b)
{
    size_t used = 0;
    if (b->usual_ns >= 0)
        return b->usual_ns;
    for (size_t at = 0; at < b->children; at++)
        if (b->proved[at] != INT64_MAX)
            b->number[used++] =
                b->proved[at] > b->created[at] ? (uint64_t)(b->proved[at] - b->created[at]) : 0;
    qsort(b->number, used, sizeof *b->number, tca_order_u64);
    b->usual_ns = used ? (int64_t)b->number[(used - 1) / 2] : 0;
    return b->usual_ns;
}

/* A full queue lets somebody in after accept() only, and that is proved as soon as the service works as
 * usual. Whom nothing let in before came back by a path that was open again. */
static bool admitted_unproved(struct board *b, const struct calm *calm)
{
    int64_t grace = usual_wait(b) < GRACE_NS / 2 ? 2 * usual_wait(b) : GRACE_NS;
    int64_t until = calm->to_ns >= 0 ? calm->to_ns - grace : INT64_MAX;
    return until > calm->last_ns && count_answers(b, calm->last_ns, until, 0) > LEVEL_SLACK;
}

/* `core`: the instants of one calm only, whatever came before and after them. */
static bool judge_frozen(struct board *b, struct group *g, struct tca_episode *e, bool core)
{
    struct calm calm = longest_calm(b, g);
    bool mostly = 10 * (uint64_t)calm.instants >= 8 * (uint64_t)g->strong;
    bool longer = calm.from_ns >= 0 && calm.to_ns - calm.from_ns >= SHORT_CALM_NS &&
                  5 * (uint64_t)calm.instants >= g->strong;
    if ((!mostly && !longer) || (!core && contradicted(b, g)) || admitted_unproved(b, &calm))
        return false;
    uint32_t answered = count_answers(b, calm.first_ns, calm.last_ns, 0);
    if (10 * (uint64_t)answered > calm.instants)
        return false;
    e->stall_ns = calm.from_ns;
    e->resume_ns = calm.to_ns;
    e->answered = answered;
    e->burst_after = answers_follow(b, calm.to_ns >= 0 && calm.to_ns < g->last_ns ? calm.to_ns : g->last_ns);
    e->confidence = frozen_confidence(g, e);
    if (2 * filled_before(b, e) >= e->plateau_max)
        return true;
    if (e->stall_ns >= 0 && e->resume_ns >= 0 && e->resume_ns - e->stall_ns < SHORT_CALM_NS)
        return false; /* a pause between two answers of a busy service */
    e->confidence = e->confidence > TCA_EPISODE_POSSIBLE ? e->confidence - 1 : 0;
    return true;
}

/* Does the level also tell drops from answers while both go on? */
static bool interleaves(const struct board *b, const struct group *g, uint32_t answered)
{
    uint32_t above = count_answers(b, g->first_ns, g->last_ns, g->level);
    uint64_t dropped = 100 * (uint64_t)g->at_level / g->strong;
    return dropped >= 100 * (uint64_t)above / answered + SEPARATION || slots_decide(b, g);
}

/* It never stopped: accept() and admissions are seen between the drops. */
static void judge_slow(const struct board *b, struct group *g, struct tca_episode *e)
{
    size_t before = tca_count_until(b->proof, b->proofs, g->first_ns);
    size_t until = tca_count_until(b->proof, b->proofs, g->last_ns);
    e->slow = true;
    e->stall_ns = before ? b->proof[before - 1] : -1;
    e->resume_ns = until < b->proofs ? b->proof[until] : -1;
    e->answered = count_answers(b, g->first_ns, g->last_ns, 0);
    e->burst_after = answers_follow(b, g->last_ns);
    if (until - before >= SLOW_PROOFS && e->answered >= SLOW_PROOFS && interleaves(b, g, e->answered))
        e->confidence = slow_confidence(g);
}

/* ---- several queues behind one port ---- */

static int compare_taken(const void *left, const void *right)
{
    const struct taken *a = left, *b = right;
    return a->conn < b->conn ? -1 : a->conn > b->conn;
}

static void find_late(struct board *b)
{
    int64_t usual = usual_wait(b);
    int64_t limit = usual > INT64_MAX / STALLED_TIMES ? INT64_MAX : usual * STALLED_TIMES;
    b->late_known = true;
    for (size_t at = 0; at < b->answers; at++)
        b->taken[at] = (struct taken){b->answer[at].conn, b->answer[at].time_ns};
    qsort(b->taken, b->answers, sizeof *b->taken, compare_taken);
    if (limit < STALLED_NS)
        limit = STALLED_NS;
    for (size_t at = 0; at < b->children; at++)
        if (b->proved[at] != INT64_MAX && b->ask[at] < b->proved[at] && b->proved[at] - b->ask[at] >= limit) {
            b->late_created[b->late] = b->created[at];
            b->late_proof[b->late++] = b->proved[at];
        }
    qsort(b->late_proof, b->late, sizeof *b->late_proof, tca_order_i64);
    for (size_t at = 0; at < b->instants; at++) {
        int64_t now = b->instant[at].time_ns;
        b->instant[at].stalled = (uint32_t)(tca_count_until(b->late_created, b->late, now) -
                                            tca_count_until(b->late_proof, b->late, now));
    }
}

static void tell_stalled(struct board *b, struct group *g, struct tca_episode *e)
{
    *e = (struct tca_episode){.stall_ns = -1, .resume_ns = -1, .capture = b->l->capture, .partial = true};
    g->level = usual_number(b, g);
    g->strong = g->asked = g->at_level = g->near = g->below = g->stuck_flows = g->refused_flows = 0;
    for (size_t at = 0; at < g->count; at++)
        if (!g->instant[at].weak)
            tell_instant(e, g, &g->instant[at], g->instant[at].stalled);
    count_hit(b, e, g, g->instant, g->count, g->level, true);
}

/* Retries keep their addresses and ports, so they meet the same full queue: none gets in before it has room.
 */
static bool retries_succeed(const struct board *b, const struct group *g, const struct tca_episode *e)
{
    size_t hit = 0, got_in = 0;
    for (size_t at = 0; at < g->count; at++)
        b->number[hit++] = g->instant[at].conn;
    hit = sort_unique(b->number, hit);
    for (size_t at = 0; at < hit; at++) {
        struct taken key = {.conn = (uint32_t)b->number[at]};
        const struct taken *one = bsearch(&key, b->taken, b->answers, sizeof key, compare_taken);
        got_in += one && one->time_ns >= e->first_ns && one->time_ns < e->resume_ns;
    }
    return 10 * got_in > hit;
}

/* One of several queues: its residents wait far longer than all others, their number stays, and they are
 * served together when its worker goes on. */
static bool judge_partial(struct board *b, struct group *g, struct tca_episode *e)
{
    if (!b->late_known)
        find_late(b);
    tell_stalled(b, g, e);
    size_t served = tca_count_until(b->late_proof, b->late, e->last_ns);
    size_t created = tca_count_until(b->late_created, b->late, e->last_ns);
    if (g->level < 2 || g->strong < PARTIAL_PROBABLE || g->flows < 3 || e->clients < 2 ||
        10 * (uint64_t)g->below > g->strong || created - served < g->level / 2 || served >= b->late)
        return false;
    e->resume_ns = b->late_proof[served];
    e->stall_ns = b->late_created[served];
    size_t together = tca_count_until(b->late_proof, b->late, e->resume_ns + 2 * SECOND) - served;
    if (2 * together < g->level || retries_succeed(b, g, e))
        return false;
    e->answered = count_answers(b, e->first_ns, e->last_ns, 0);
    e->burst_after = answers_follow(b, e->last_ns);
    e->confidence = TCA_EPISODE_PROBABLE;
    return true;
}

/* ---- a queue that was full when the capture began ---- */

/* When the first is heard of the service, if it answers an old request; -1 if not. */
static int64_t first_life(const struct board *b)
{
    int64_t life = time_or_never(b->heard, 0, b->heards), proof = time_or_never(b->proof, 0, b->proofs);
    int64_t answer = b->answers ? b->answer[0].time_ns : INT64_MAX;
    return b->heards && life <= proof && life <= answer ? life : -1;
}

/* Nothing is known of the number that waits. But from the capture's beginning on SYNs are dropped and nobody
 * hears of the service, until it answers several old requests at once, and then lets SYNs in. */
static bool judge_begun(struct board *b, struct group *g, struct tca_episode *e)
{
    int64_t life = first_life(b);
    size_t before = 0;
    while (before < g->count && g->instant[before].time_ns < life)
        before++;
    size_t together = life < 0 ? 0 : tca_count_until(b->heard, b->heards, life + BURST_NS);
    if (!before || g->instant != b->instant || together < BEGUN_FLOWS || 2 * together < b->heards ||
        life - g->instant[0].time_ns < SHORT_CALM_NS || !answers_follow(b, life))
        return false;
    g->count = before;
    g->level = 0;
    g->begun = true;
    tell_at_level(b, g, e);
    if (g->flows < BEGUN_FLOWS)
        return false;
    e->plateau_min = e->plateau_max = (uint32_t)together;
    e->resume_ns = life;
    e->burst_after = true;
    e->confidence = g->strong >= BEGUN_PROBABLE ? TCA_EPISODE_PROBABLE : TCA_EPISODE_POSSIBLE;
    return true;
}

/* ---- the verdict over a group ---- */

static enum tca_confidence_level lower_of(enum tca_confidence_level a, enum tca_confidence_level b)
{
    return a < b ? a : b;
}

/* What can be claimed from where the capture was taken. */
static enum tca_confidence_level by_vantage(const struct board *b, const struct group *g,
                                            const struct tca_episode *e)
{
    if (tca_near_server(b->l->vantage))
        return e->confidence;
    /* Here an outage of the path silences everything as well; but then nobody gets in before. */
    if (g->begun)
        return TCA_EPISODE_POSSIBLE;
    size_t filled = filled_before(b, e);
    if (!e->slow && !e->partial && (filled < FILLED_MIN || 2 * filled < e->plateau_max))
        return 0;
    bool concordant = g->flows >= 3 && !e->answered && e->burst_after;
    enum tca_confidence_level most =
        b->l->vantage == TCA_VANTAGE_MIDDLE || concordant ? TCA_EPISODE_PROBABLE : TCA_EPISODE_POSSIBLE;
    return lower_of(e->confidence, most);
}

static bool judge_whole(struct board *b, struct group *g, struct tca_episode *e)
{
    if (!tell_group(b, g, e) || (!level_decides(g) && !slots_decide(b, g)))
        return false;
    if (!judge_frozen(b, g, e, false))
        judge_slow(b, g, e);
    return e->confidence > 0;
}

/* A service that goes on again may stay behind for long; what it dropped then can hide the time when it was
 * frozen. */
static bool judge_core(struct board *b, struct group *g, struct tca_episode *e)
{
    struct group all = {.instant = g->instant, .count = g->count, .first_ns = g->instant[0].time_ns};
    struct calm calm = longest_calm(b, &all);
    if (calm.from_ns < 0 || calm.to_ns - calm.from_ns < SHORT_CALM_NS || calm.instants == 0)
        return false;
    struct group core = {.instant = g->instant + calm.first, .count = calm.last - calm.first + 1};
    bool holds = tell_group(b, &core, e) && level_decides(&core) && judge_frozen(b, &core, e, true) &&
                 e->confidence > 0 && 2 * filled_before(b, e) >= e->plateau_max;
    if (holds)
        *g = core;
    return holds;
}

/* Cookies, ladders and a queue that drains blur the count with time. What a part of the drops shows clearly is
 * not undone by the others: they are told with it while they do not contradict. */
static bool judge_parts(struct board *b, struct group *g, struct tca_episode *e)
{
    size_t size = g->count / PARTS > PART_MIN ? g->count / PARTS : PART_MIN;
    enum tca_confidence_level best = 0;
    struct group found = *g;
    for (size_t at = 0; at + size <= g->count; at += size / 2) {
        struct group part = {.instant = g->instant + at, .count = size};
        if (!judge_whole(b, &part, e) || !e->slow || e->confidence <= best)
            continue;
        best = e->confidence;
        found = part;
    }
    if (!best)
        return false;
    g->level = found.level;
    if (!tell_at_level(b, g, e) || 10 * (uint64_t)g->below > g->strong) {
        *g = found;
        tell_at_level(b, g, e);
    }
    judge_slow(b, g, e);
    e->confidence = best;
    return true;
}

/* The application must owe somebody an answer, or the kernel have refused somebody; and the path must have
 * worked. */
static enum tca_confidence_level by_evidence(const struct board *b, const struct group *g,
                                             const struct tca_episode *e)
{
    size_t losses = tca_count_until(b->loss->from_ns, b->loss->count, e->last_ns) -
                    tca_count_until(b->loss->to_ns, b->loss->count, e->first_ns);
    /* Away from the server a lossy path makes ladders as well, unless they name the ACKs that were refused. */
    bool near = tca_near_server(b->l->vantage);
    bool refused = ((near || b->l->named_acks > 1) && g->stuck_flows > 1) || e->aborted >= ABORTS_AGREE ||
                   (near && g->stuck_flows + g->refused_flows > 1 && refused_among_drops(g, e));
    bool ladders = !e->answered && g->stuck_flows >= LADDERS_AGREE;
    if (losses > g->stuck_flows && LOSSES_SHARE * (uint64_t)losses >= g->flows)
        return 0;
    bool owed = e->partial || g->begun || 2 * (uint64_t)g->asked >= g->strong;
    if (!refused && !ladders && !owed)
        return 0;
    if (g->refused_flows && !g->stuck_flows && !e->drops && !e->aborted)
        return TCA_EPISODE_POSSIBLE;
    return refused || (owed && b->speaks) ? e->confidence : lower_of(e->confidence, TCA_EPISODE_POSSIBLE);
}

/* The most certain of the readings: the whole, the time when nothing was accepted, a part. */
static bool judge_whole_or_part(struct board *b, struct group *g, struct tca_episode *e)
{
    bool (*const reading[])(struct board *, struct group *, struct tca_episode *) = {judge_whole, judge_core,
                                                                                     judge_parts};
    enum tca_confidence_level best = 0;
    const struct group all = *g;
    for (size_t at = 0; at < sizeof reading / sizeof reading[0] && best < TCA_EPISODE_CERTAIN; at++) {
        struct group one = all;
        struct tca_episode told;
        if (!reading[at](b, &one, &told) || told.confidence <= best)
            continue;
        best = told.confidence;
        *g = one;
        *e = told;
    }
    return best > 0;
}

/* Of a capture that misses segments of one connection in ten, silence is worth a level less. */
static enum tca_confidence_level by_damage(const struct tca_listener *l, enum tca_confidence_level confidence)
{
    bool damaged = l->gaps && GAPS_SHARE * l->gaps >= l->established;
    return damaged && confidence > TCA_EPISODE_POSSIBLE ? confidence - 1 : confidence;
}

static bool judge_group(struct board *b, struct group *g, struct tca_episode *e)
{
    if (!judge_whole_or_part(b, g, e) && !judge_partial(b, g, e) && !judge_begun(b, g, e))
        return false;
    e->confidence = by_evidence(b, g, e);
    if (e->confidence)
        e->confidence = by_damage(b->l, by_vantage(b, g, e));
    return e->confidence > 0;
}

/* ---- keeping episodes ---- */

static uint64_t size_of(const struct tca_episode *e)
{
    return (uint64_t)e->drops + e->ignored + e->aborted;
}

/* In time order; when full the smallest gives way. */
static void keep_episode(struct tca_listener *l, struct tca_episode *kept, const struct tca_episode *e)
{
    if (l->episode_count < TCA_EPISODES_MAX) {
        kept[l->episode_count++] = *e;
        return;
    }
    size_t smallest = 0;
    for (size_t at = 1; at < TCA_EPISODES_MAX; at++)
        if (size_of(&kept[at]) < size_of(&kept[smallest]))
            smallest = at;
    l->episodes_left_off++;
    if (size_of(&kept[smallest]) >= size_of(e))
        return;
    memmove(&kept[smallest], &kept[smallest + 1], (TCA_EPISODES_MAX - 1 - smallest) * sizeof *kept);
    kept[TCA_EPISODES_MAX - 1] = *e;
}

/* Connections that the application may have had in hand at its last sign of life before it froze. */
static uint32_t in_hand_at(const struct board *b, int64_t stall_ns)
{
    return (uint32_t)(tca_count_until(b->created, b->children, stall_ns) -
                      tca_count_until(b->accepted, b->children, stall_ns));
}

/* Where segments were not captured, so many candidates may be none, or be missing: the share of connections that miss
 * something, and one more. */
static uint32_t miscounted(const struct tca_listener *l, uint32_t candidates)
{
    if (!l->gaps)
        return 0;
    if (2 * l->gaps >= l->established)
        return UINT32_MAX; /* nothing can be told */
    return (uint32_t)((candidates * l->gaps + l->established - 1) / l->established) + 1;
}

/* Bounds of the limit: the queue held limit + 1, and candidates are at least what it held. Of a frozen service the
 * candidates are the queue, apart from those that the application had in hand when it froze. */
static void bound_backlog(const struct board *b, struct tca_listener *l, const struct tca_episode *e)
{
    bool older = l->midstream && b->children && e->first_ns < b->accepted[0];
    if (e->confidence < TCA_EPISODE_PROBABLE || older || e->plateau_min < 2)
        return;
    uint32_t gap = miscounted(l, e->plateau_max);
    if (gap >= e->plateau_min)
        return;
    uint32_t most = e->plateau_min - 1 + gap;
    if (!l->backlog_max || most < l->backlog_max)
        l->backlog_max = most;
    struct tca_proof proof = {.time_ns = e->first_ns, .frame = {e->first_frame, e->last_frame}};
    if (l->backlog_basis == TCA_BACKLOG_UNKNOWN) {
        l->backlog_basis = TCA_BACKLOG_CANDIDATES;
        l->backlog_proof = proof;
    }
    if (e->slow || e->partial)
        return;
    uint32_t in_hand = in_hand_at(b, e->stall_ns) + 2 * gap; /* from the highest to the lowest */
    if (in_hand < most && most - in_hand > l->backlog_min) {
        l->backlog_min = most - in_hand;
        l->backlog_basis = TCA_BACKLOG_FROZEN;
        l->backlog_proof = proof;
    }
}

static void bound_by_burst(struct tca_listener *l)
{
    if (l->closed_burst > 2 && l->closed_burst - 1 > l->backlog_min) {
        l->backlog_min = l->closed_burst <= UINT32_MAX ? (uint32_t)l->closed_burst - 1 : UINT32_MAX;
        l->backlog_basis = TCA_BACKLOG_CLOSED;
        l->backlog_proof = (struct tca_proof){l->closed_burst_ns, {l->closed_frame[0], l->closed_frame[1]}};
    }
    if (l->backlog_max && l->backlog_min > l->backlog_max)
        l->backlog_min = l->backlog_max;
}

/* How long the application took, once it went on, to take those who had waited. */
static void time_drain(const struct board *b, struct tca_listener *l, const struct tca_episode *e)
{
    size_t waited =
        e->resume_ns < 0 || e->partial ? 0 : tca_count_until(b->created, b->children, e->resume_ns);
    if (!waited || b->accepted[waited - 1] == INT64_MAX)
        return;
    int64_t drain = b->accepted[waited - 1] > e->resume_ns ? b->accepted[waited - 1] - e->resume_ns : 0;
    if (drain > l->drain_ns)
        l->drain_ns = drain;
}

/* Those who got a place while nothing was accepted, and how long the first of them waited: accept() takes the oldest. */
static void tell_held(const struct board *b, struct tca_episode *e)
{
    size_t first = tca_count_until(b->created, b->children, e->stall_ns);
    size_t end = tca_count_until(b->created, b->children, e->open_end ? INT64_MAX : e->last_ns);
    size_t answered = tca_count_until(b->accepted, b->children, INT64_MAX - 1);
    e->held_ns = -1;
    if (e->slow || end <= first)
        return;
    e->held = (uint32_t)(end - first);
    e->held_unserved = (uint32_t)(answered <= first ? end - first : answered < end ? end - answered : 0);
    if (b->accepted[first] != INT64_MAX)
        e->held_ns = b->accepted[first] - b->created[first];
}

/* The same of one queue of several, whose residents are those that waited much longer than the rest. */
static void tell_held_apart(const struct board *b, struct tca_episode *e)
{
    size_t first = tca_count_until(b->late_proof, b->late, e->resume_ns - 1);
    size_t end = tca_count_until(b->late_created, b->late, e->last_ns);
    e->held_ns = -1;
    if (end <= first)
        return;
    e->held = (uint32_t)(end - first);
    e->held_ns = e->resume_ns - e->stall_ns;
}

/* What became of the queue itself. */
static void tell_queue(const struct board *b, struct tca_episode *e)
{
    size_t left = b->children - tca_count_until(b->accepted, b->children, INT64_MAX - 1) + b->looses -
                  tca_count_until(b->loose, b->looses, INT64_MAX - 1);
    e->open_end = !e->partial && e->resume_ns < 0 && e->plateau_min > 0 && left >= e->plateau_min;
    if (e->partial)
        tell_held_apart(b, e);
    else
        tell_held(b, e);
}

static size_t end_of_group(const struct board *b, size_t at)
{
    for (at++; at < b->instants; at++) {
        const struct instant *one = &b->instant[at], *before = &b->instant[at - 1];
        if (one->time_ns - before->time_ns > GAP_NS && one->served != before->served)
            break;
    }
    return at;
}

static int find_all(struct board *b, struct tca_listener *l, struct tca_episode **ret_episode)
{
    struct tca_episode *kept = NULL;
    unsigned cores = 0;
    for (size_t at = 0, end; at < b->instants; at = end) {
        end = end_of_group(b, at);
        struct group g = {.instant = &b->instant[at], .count = end - at};
        struct tca_episode e;
        bool found = judge_group(b, &g, &e);
        size_t told = (size_t)(g.instant - b->instant) + g.count;
        cores = found && told < end ? cores + 1 : 0;
        if (cores && cores < CORES_MAX)
            end = told; /* what came after it is judged for itself */
        else
            cores = 0;
        if (!found)
            continue;
        if (!kept && !(kept = tca_alloc(TCA_EPISODES_MAX * sizeof *kept)))
            return TCA_EMEMORY;
        bound_backlog(b, l, &e);
        time_drain(b, l, &e);
        tell_queue(b, &e);
        keep_episode(l, kept, &e);
    }
    bound_by_burst(l);
    *ret_episode = kept;
    return TCA_OK;
}

int tca_episodes_find(struct tca_listener *l, const struct tca_edge *edge, size_t count,
                      const struct tca_conn *conn, const struct tca_losses *loss,
                      struct tca_episode **ret_episode)
{
    struct board b = {.conn = conn, .l = l, .loss = loss, .usual_ns = -1};
    *ret_episode = NULL;
    int error = board_new(&b, edge, count);
    if (!error) {
        gather_children(&b, edge, count);
        count_candidates(&b, l, edge, count);
    }
    if (!error)
        sort_levels(&b);
    if (!error && l->listens)
        error = find_all(&b, l, ret_episode);
    board_free(&b);
    return error;
}
