/* SPDX-License-Identifier: MIT
 *
 * Setting up the board. accept() takes the oldest, so when one child is proved accepted all before it are: a suffix
 * minimum over the order of creation. A client that went away leaves its child in the queue. With several queues behind
 * one port (SO_REUSEPORT) that order does not hold (partial.c).
 *
 * Everything is sorted or merged a bounded number of times: n log n in the number of edges.
 */
#include "classify/sweep/board.h"

#include "base/alloc.h"
#include "base/sort.h"
#include "base/sorted.h"
#include "classify/sweep/backlog.h"

#include <stddef.h>
#include <string.h>
#include <tcpautopsy/error.h>

_Static_assert(sizeof(struct tca_instant) % sizeof(int64_t) == 0 &&
                   sizeof(struct tca_taken) % sizeof(int64_t) == 0,
               "arrays stand one behind the other");

static const int64_t PATIENCE_NS =
    1000000000; /* who waits so much longer than a younger one is in another queue, */
enum {
    SEVERAL_SHARE = 4, /* if more than one in so many does: one alone may have asked for something slow */
    LABOURS_MIN = 8,   /* requests whose labour was seen, */
    LABOUR_SHARE = 10, /* of which one in so many took less than what is reckoned with */
    TOGETHER_MIN = 3,  /* answers within the labour of one: nobody gives them one after another */
};
static const int64_t LABOUR_NS = 2000000; /* less is as good as none: waking up takes as long */

/* The next `count` of these of the block. */
static void *carve(uint8_t **block, size_t count, size_t size)
{
    uint8_t *array = *block;
    *block += count * size;
    return array;
}

static int board_new(struct tca_board *b, const struct tca_edge *edge, size_t count)
{
    size_t children = 0, answers = 0, instants = 0, heards = 0, doubts = 0;
    for (size_t at = 0; at < count; at++) {
        children += edge[at].kind == TCA_EDGE_CHILD;
        answers += edge[at].kind == TCA_EDGE_SYNACK;
        heards += edge[at].kind == TCA_EDGE_HEARD;
        doubts += edge[at].kind == TCA_EDGE_DOUBT;
        instants += tca_is_refusal(&edge[at]);
    }
    int64_t **const per_child[] = {&b->created,      &b->accepted,   &b->proved,      &b->ask,
                                   &b->loose,        &b->proof,      &b->asked,       &b->released,
                                   &b->late_created, &b->late_proof, &b->late_served, &b->late_life};
    int64_t **const per_answer[] = {&b->answer_ns, &b->answered_at, &b->owed_at};
    enum {
        PER_CHILD = sizeof per_child / sizeof *per_child,
        PER_ANSWER = sizeof per_answer / sizeof *per_answer
    };
    const size_t times = PER_CHILD * children + PER_ANSWER * answers + instants + heards;
    b->block = tca_alloc_near(b->near, sizeof b->near,
                              times * sizeof(int64_t) + instants * sizeof *b->instant +
                                  answers * (sizeof *b->answer + sizeof *b->taken) +
                                  doubts * sizeof(struct tca_edge *) + count * sizeof *b->number);
    if (!b->block)
        return TCA_EMEMORY;
    uint8_t *block = b->block;
    for (size_t at = 0; at < PER_CHILD; at++)
        *per_child[at] = carve(&block, children, sizeof(int64_t));
    for (size_t at = 0; at < PER_ANSWER; at++)
        *per_answer[at] = carve(&block, answers, sizeof(int64_t));
    b->dropped_at = carve(&block, instants, sizeof(int64_t));
    b->heard = carve(&block, heards, sizeof(int64_t));
    b->instant = carve(&block, instants, sizeof *b->instant);
    b->taken = carve(&block, answers, sizeof *b->taken);
    b->doubt = carve(&block, doubts, sizeof(struct tca_edge *));
    b->number = carve(&block, count, sizeof *b->number);
    b->answer = carve(&block, answers, sizeof *b->answer); /* the last, for its size */
    return TCA_OK;
}

void tca_board_done(struct tca_board *b)
{
    tca_free_near(b->near, b->block);
}

/* accept() takes the oldest: a child is accepted at the latest when a younger one is. */
static void apply_fifo(struct tca_board *b)
{
    int64_t oldest = INT64_MAX;
    for (size_t at = b->children; at-- > 0;) {
        if (b->proved[at] < oldest)
            oldest = b->proved[at];
        b->accepted[at] = oldest > b->created[at] ? oldest : b->created[at];
    }
}

/* A child that may be older than it looks says nothing about the others; they say something about it. */
static void gather_loose(struct tca_board *b, const struct tca_edge *edge, size_t count)
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
    tca_sort_i64(b->loose, b->looses);
}

/* Most connections on which the server sent payload got it unasked: a banner. Then all wait for it. */
static bool speaks_unasked(struct tca_board *b, const struct tca_edge *edge, size_t count)
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

static void gather_asks(struct tca_board *b, const struct tca_edge *edge, size_t count)
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
    tca_sort_i64(b->asked, b->asks);
    tca_sort_i64(b->released, b->asks);
}

static void gather_children(struct tca_board *b, const struct tca_edge *edge, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        if (edge[at].kind == TCA_EDGE_HEARD)
            b->heard[b->heards++] = edge[at].time_ns;
        if (edge[at].kind == TCA_EDGE_DOUBT)
            b->doubt[b->doubts++] = &edge[at];
        if (edge[at].kind != TCA_EDGE_CHILD)
            continue;
        if (edge[at].other_ns != INT64_MAX)
            b->proof[b->proofs++] = edge[at].other_ns;
        if (edge[at].loose)
            continue;
        b->created[b->children] = edge[at].time_ns;
        b->proved[b->children++] = edge[at].other_ns;
    }
    tca_sort_i64(b->proof, b->proofs);
    apply_fifo(b);
    gather_loose(b, edge, count);
}

static uint32_t asking_at(const struct tca_board *b, int64_t time_ns)
{
    return (uint32_t)(tca_count_until(b->asked, b->asks, time_ns) -
                      tca_count_until(b->released, b->asks, time_ns));
}

/* Walk all edges in time order, counting candidates. */
static void count_candidates(struct tca_board *b, struct tca_listener *l, const struct tca_edge *edge,
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
        const struct tca_conn *conn = &b->conn[e->conn];
        /* Without a SYN it may be a repeat, of a request older than the capture. */
        if (e->kind == TCA_EDGE_SYNACK && !conn->stuck && !conn->refused && conn->syns) {
            b->answer_ns[b->answers] = e->time_ns;
            b->answer[b->answers++] = (struct tca_answer){
                .conn = e->conn, .candidates = candidates, .asking = asking_at(b, e->time_ns)};
        }
        if (tca_is_refusal(e))
            b->instant[b->instants++] = (struct tca_instant){
                .time_ns = e->time_ns,
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

/* Where no SYN met a full queue those that were reset in it tell its level, if they are too many for anything else
 * (reset_opening.c says when): of a queue of a place or two, whose clients come together. */
static void strengthen_aborts(struct tca_board *b)
{
    for (size_t at = 0; at < b->instants; at++)
        if (!b->instant[at].weak)
            return;
    for (size_t at = 0; at < b->instants && tca_listener_aborts(b->l); at++)
        b->instant[at].weak = b->instant[at].kind != TCA_EDGE_ABORTED;
}

static void sort_levels(struct tca_board *b)
{
    for (size_t at = 0; at < b->answers; at++) {
        b->answered_at[at] = b->answer[at].candidates;
        if (2 * (uint64_t)b->answer[at].asking >= b->answer[at].candidates)
            b->owed_at[b->owed++] = b->answer[at].candidates;
    }
    for (size_t at = 0; at < b->instants; at++)
        if (!b->instant[at].weak)
            b->dropped_at[b->dropped++] = b->instant[at].candidates;
    tca_sort_i64(b->answered_at, b->answers);
    tca_sort_i64(b->owed_at, b->owed);
    tca_sort_i64(b->dropped_at, b->dropped);
}

/* Answers to new SYNs in an interval, at or above a number of candidates. */
uint32_t tca_board_count_answers(const struct tca_board *b, int64_t from_ns, int64_t to_ns,
                                 uint32_t candidates)
{
    size_t at = tca_count_before(b->answer_ns, b->answers, from_ns), count = 0;
    if (!candidates) { /* all of them: an interval may be as long as the capture, and is asked for each group */
        size_t end = to_ns < INT64_MAX ? tca_count_before(b->answer_ns, b->answers, to_ns + 1) : b->answers;
        return end > at ? (uint32_t)(end - at) : 0;
    }
    for (; at < b->answers && b->answer_ns[at] <= to_ns; at++)
        count += b->answer[at].candidates >= candidates;
    return (uint32_t)count;
}

bool tca_board_answers_follow(const struct tca_board *b, int64_t after_ns)
{
    size_t at = tca_count_before(b->answer_ns, b->answers, after_ns);
    return at < b->answers && b->answer_ns[at] <= after_ns + TCA_BOARD_BURST_NS;
}

size_t tca_board_doubts_before(const struct tca_board *b, int64_t time_ns)
{
    size_t low = 0, high = b->doubts;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        if (b->doubt[at]->time_ns < time_ns)
            low = at + 1;
        else
            high = at;
    }
    return low;
}

/* How much of the queue came after the last proof of accept(): a service that stops accepting first lets it
 * fill up. */
size_t tca_board_filled(const struct tca_board *b, const struct tca_episode *e)
{
    size_t before = tca_count_until(b->created, b->children, e->stall_ns);
    return tca_count_until(b->created, b->children, e->first_ns) - before;
}

/* From a child's creation to its first word, as a rule. */
int64_t tca_board_usual_wait(struct tca_board *b)
{
    size_t used = 0;
    if (b->usual_ns >= 0)
        return b->usual_ns;
    for (size_t at = 0; at < b->children; at++)
        if (b->proved[at] != INT64_MAX)
            b->number[used++] =
                b->proved[at] > b->created[at] ? (uint64_t)(b->proved[at] - b->created[at]) : 0;
    tca_sort_u64(b->number, used);
    b->usual_ns = used ? (int64_t)b->number[(used - 1) / 2] : 0;
    return b->usual_ns;
}

/* How long the application works on a request, as nearly all of them show; 0: as good as not at all. */
static int64_t labour_of(struct tca_board *b)
{
    size_t used = 0;
    for (size_t at = 0; at < b->children; at++) {
        int64_t since = b->ask[at] > b->created[at] ? b->ask[at] : b->created[at];
        if (since < b->proved[at] && b->proved[at] != INT64_MAX)
            b->number[used++] = (uint64_t)(b->proved[at] - since);
    }
    if (used < LABOURS_MIN)
        return 0;
    tca_sort_u64(b->number, used);
    int64_t labour = (int64_t)b->number[used / LABOUR_SHARE];
    return labour < LABOUR_NS ? 0 : labour;
}

/* A lone worker needs its labour from one answer to the next. Several that come within less were in several hands. */
static bool answers_side_by_side(struct tca_board *b)
{
    int64_t labour = labour_of(b);
    for (size_t at = 0; labour && at + TOGETHER_MIN <= b->proofs; at++)
        if (b->proof[at + TOGETHER_MIN - 1] - b->proof[at] < labour - labour / LABOUR_SHARE)
            return true;
    return false;
}

bool tca_board_several_queues(const struct tca_board *b, int64_t from_ns, int64_t until_ns)
{
    size_t first = tca_count_until(b->created, b->children, from_ns), passed = 0, asking = 0;
    size_t end = tca_count_until(b->created, b->children, until_ns);
    for (size_t at = first; at < end && at + 1 < b->children; at++) {
        if (b->ask[at] == INT64_MAX || b->proved[at] == INT64_MAX)
            continue;
        int64_t owed = b->ask[at] > b->accepted[at + 1] ? b->ask[at] : b->accepted[at + 1];
        asking++;
        passed += b->proved[at] > owed && b->proved[at] - owed > PATIENCE_NS;
    }
    return passed > 1 && SEVERAL_SHARE * passed > asking;
}

static bool has_refusals(const struct tca_edge *edge, size_t count)
{
    for (size_t at = 0; at < count; at++)
        if (tca_is_refusal(&edge[at]))
            return true;
    return false;
}

int tca_board_init(struct tca_board *b, struct tca_listener *l, const struct tca_edge *edge, size_t count,
                   const struct tca_conn *conn, const struct tca_losses *loss)
{
    memset(b, 0, offsetof(struct tca_board, near));
    b->conn = conn;
    b->l = l;
    b->loss = loss;
    b->usual_ns = -1;
    b->at_cookie = SIZE_MAX;
    bool refused = has_refusals(edge, count); /* else all that is asked is the peak */
    int error = board_new(b, edge, count);
    if (error)
        return error;
    gather_children(b, edge, count);
    if (refused) {
        b->at_cookie = tca_backlog_at_cookie(l, edge, count, conn);
        gather_asks(b, edge, count);
        b->side_by_side = answers_side_by_side(b);
    }
    count_candidates(b, l, edge, count);
    if (refused)
        strengthen_aborts(b);
    sort_levels(b);
    return TCA_OK;
}
