/* SPDX-License-Identifier: MIT
 *
 * A shard: whole partitions of the tuples (flow/partition.h) with all that pass 1 knows of them. Shards share nothing that one
 * of them writes, but the places where what is over goes to: so each may run on a thread of its own, and what becomes of a
 * connection does not depend on how many there are.
 *
 *      chunk of the order --> those of this shard --> stream, peers, lane     in the order of the file
 *                                                 --> flow --> mirror         in the order of their places, once ripe
 */
#ifndef TCA_ENGINE_SHARD_H
#define TCA_ENGINE_SHARD_H

#include "artefact/moved.h"
#include "artefact/order.h"
#include "base/buf.h"
#include "classify/sweep/nat.h"
#include "flow/flow.h"
#include "mirror/mirror.h"

struct tca_session;
struct tca_sorter;

/* Entries of a chunk. */
struct tca_taken {
    unsigned count;
    struct tca_waiting *one[TCA_ORDER_ROOM];
};

/* Between what different threads write: cache lines, and those that are fetched with them, are not shared. */
enum { TCA_APART_BYTES = 128 };

/* One that waits, and whose it is as far as it was when it joined: to have both at hand when its turn comes. */
struct tca_queued {
    struct tca_waiting *one;
    struct tca_tuple *tuple; /* NULL: of none */
};

/* What is counted of one file. */
struct tca_counted {
    uint64_t flows, tcp_packets, duplicates;
    uint64_t first_frame; /* that joined; 0: the capture begins with it, or none */
};

/* A dossier where the spool will have it, and what will be aside of it there, behind it. */
struct tca_encoded {
    uint8_t *bytes; /* borrowed from the sorter */
    size_t size, aside;
};

struct tca_shard {
    struct tca_session *s; /* borrowed */
    struct tca_flow_table *flows;
    struct tca_mirror_context mirrors;
    struct tca_taken *taken[2];  /* owned; by the chunk's ordinal: one is filled while the other is used */
    struct tca_queued *waiting;  /* owned: a ring of those that joined and are not ripe, by their numbers */
    unsigned joined, used;       /* so many */
    int64_t now_ns;              /* of the newest record */
    int64_t ripe_ns;             /* until then all was used */
    struct tca_moved moved;      /* of its frames */
    struct tca_encoded encoded;  /* one dossier */
    struct tca_buf recalled;     /* a parked flow */
    struct tca_sorter *dossiers; /* borrowed: its own of the spool */
    struct tca_nat_hints nat_hints;
    struct tca_lone_kinds *kinds; /* owned: models of SYNs that it has met; NULL: none (lone.c) */
    /* Its part of the capture's facts. */
    struct tca_counted *counted; /* owned: of each file of the capture */
    struct tca_counted *now;     /* of the file whose segment is used */
    uint32_t files, join_file;   /* there are so many; that of which segments join */
    uint64_t flow_count;         /* of all files */
    uint64_t mixed_tags;
    int64_t end_ns;    /* -1: nothing came */
    uint8_t *left_out; /* owned: a bit for each port; NULL: none */
    int error;         /* the first one; then it does nothing more */
    char apart[TCA_APART_BYTES];
};

/* One of so many. 0 or TCA_EMEMORY; to be ended in any case. */
int tca_shard_begin(struct tca_session *s, unsigned shards, struct tca_shard *shard);
/* An entry of the chunk with this ordinal is of this shard; in the order of the file, by the thread that fills the chunk. */
static inline void tca_shard_take(struct tca_shard *shard, uint64_t ordinal, struct tca_waiting *one)
{
    struct tca_taken *taken = shard->taken[ordinal % 2];
    taken->one[taken->count++] = one;
}
/* Join what was taken of this chunk, use what is ripe. Errors are kept. */
void tca_shard_work(struct tca_shard *shard, const struct tca_chunk *chunk);
/* Nothing comes any more: its flows are over. */
void tca_shard_finish(struct tca_shard *shard);
/* Add what it counted to the open capture, and give its memory back. Returns its first error. */
int tca_shard_end(struct tca_shard *shard);

#endif
