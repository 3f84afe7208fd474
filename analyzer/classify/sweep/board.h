/* SPDX-License-Identifier: MIT
 *
 * The board: what the edges of one listener show of its accept queue at every moment. Made once for a listener, then
 * read by all that look for times in which the queue was full.
 *
 *     edges by time --> children in order of creation, each with when it was accepted at the latest
 *                   --> instants, at which a segment was refused if the queue was full, with the candidates then
 *                   --> answers to new SYNs, at which it was not full, with the candidates then
 */
#ifndef TCA_CLASSIFY_BOARD_H
#define TCA_CLASSIFY_BOARD_H

#include "classify/sweep/episode.h"
#include "classify/sweep/timeline.h"

/* Retries come at least this often while a ladder is young: once a queue has room, they are answered within this
 * time. */
#define TCA_BOARD_BURST_NS INT64_C(1500000000)

/* A moment at which the queue was full, if it was. */
struct tca_instant {
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
struct tca_answer {
    uint32_t conn, candidates;
    uint32_t asking; /* of the candidates: wait for the application */
};

/* When a connection was answered; each at most once. */
struct tca_taken {
    uint32_t conn;
    int64_t time_ns;
};

struct tca_board {
    const struct tca_conn *conn;
    const struct tca_listener *l;
    const struct tca_losses *loss;
    size_t at_cookie; /* half-open requests, at most, while a SYN cookie was sent; SIZE_MAX: nothing tells */
    void *block;      /* owned: what all arrays below stand in */
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
    bool side_by_side; /* it answers several at once: workers, each with one in hand */
    bool speaks;       /* the application has sent payload on some connection */
    int64_t usual_ns;  /* from creation to the first word; -1: not asked for yet */
    struct tca_instant *instant;
    size_t instants;
    struct tca_answer *answer; /* of connections that were not stuck afterwards */
    int64_t *answer_ns;        /* when */
    size_t answers;
    int64_t *answered_at, *dropped_at; /* candidates at all answers, and at all strong instants, sorted */
    size_t dropped;
    int64_t *owed_at; /* of these answers: where most candidates had asked */
    size_t owed;
    /* Children that waited much longer than the rest, for several queues; built when first asked for (partial.c): when
     * created, their proofs, these sorted, and the last proof of the others that were created before. */
    int64_t *late_created, *late_served, *late_proof, *late_life;
    size_t late;
    struct tca_taken *taken; /* as many as answers, by connection; built with them */
    bool late_known;
    const struct tca_edge **doubt; /* edges of that kind, by time */
    size_t doubts;
    uint64_t *number; /* scratch, one per edge */
    int64_t near[64]; /* the block of a listener that has but a few edges */
};

/* Fill the board of a listener, as far as anything was refused there; sets its peak_unaccepted. `conn` and `loss` are borrowed until done. 0 or TCA_EMEMORY; to
 * be done either way. */
int tca_board_init(struct tca_board *b, struct tca_listener *l, const struct tca_edge *edge, size_t count,
                   const struct tca_conn *conn, const struct tca_losses *loss);
void tca_board_done(struct tca_board *b);

/* Answers to new SYNs in an interval, at or above a number of candidates. */
uint32_t tca_board_count_answers(const struct tca_board *b, int64_t from_ns, int64_t to_ns,
                                 uint32_t candidates);
/* New SYNs are answered soon after this moment. */
bool tca_board_answers_follow(const struct tca_board *b, int64_t after_ns);
/* How much of the queue at the first drop came after the last proof of accept(): a service that stops accepting first
 * lets it fill up. */
size_t tca_board_filled(const struct tca_board *b, const struct tca_episode *e);
/* So many doubts are of before this moment. */
size_t tca_board_doubts_before(const struct tca_board *b, int64_t time_ns);
/* Many of the children that were created in (from, until] waited for the application long after a younger one had been
 * served: they did not stand in one queue with it. */
bool tca_board_several_queues(const struct tca_board *b, int64_t from_ns, int64_t until_ns);
/* From a child's creation to its first word, as a rule. */
int64_t tca_board_usual_wait(struct tca_board *b);
/* What it shows around its listener's episodes, in columns (timeline.c). `edge`: those that it was made of. */
void tca_board_timeline(const struct tca_board *b, const struct tca_edge *edge, size_t count,
                        const struct tca_episode *kept, struct tca_timeline *ret);

#endif
