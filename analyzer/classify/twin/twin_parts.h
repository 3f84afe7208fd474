/* SPDX-License-Identifier: MIT
 *
 * The parts of twins; private to classify/twin*.c.
 *
 *     twin.c       keys and groups, rows
 *     twin_way.c   which captures are two views of one traffic, and how they stand on the way between two hosts
 *     twin_hunt.c  a loss between two of them, and whether the farther one was capturing
 *     twin_lost.c  ... of opening, close and reset; twin_payload.c  ... of payload
 *     twin_rows.c  what each row tells
 */
#ifndef TCA_CLASSIFY_TWIN_PARTS_H
#define TCA_CLASSIFY_TWIN_PARTS_H

#include "base/sieve.h"
#include "classify/twin/twin.h"

/* What names a connection, its ends in order of address and port: end 0 is the lower one. */
struct tca_twin_key {
    uint32_t capture, client; /* which end the client is */
    uint64_t id_frame;
    int64_t start_ns;
    uint8_t addr[2][16];
    uint16_t port[2];
    uint32_t isn[2], nxt[2], span[2]; /* span: of the numbers seen, up to nxt */
    bool isn_known[2], nxt_known[2];
    bool only_syns;
    uint32_t index; /* its place in parent[]; until linked */
    union {
        uint64_t first_frame; /* until linked: of one capture and moment rows are ordered by it */
        uint64_t group;
    };
};

/* The kinds of segments that a capture may be filtered by. */
enum tca_way_kind { TCA_WAY_OPENING, TCA_WAY_DATA, TCA_WAY_ACK, TCA_WAY_FIN, TCA_WAY_RST, TCA_WAY_KINDS };

/* Segments of one service and two hosts that two captures hold both. [0]: capture a, [1]: capture b. */
struct tca_way {
    uint32_t a, b;       /* captures, a < b; addresses as in a */
    uint8_t addr[2][16]; /* in order, as the ends of a key */
    uint16_t port;
    uint32_t ttl_votes[2], time_votes[2];  /* for a, for b being the one nearer to end 0 */
    uint64_t strict;                       /* segments that both hold, told by time stamp or IP ID */
    uint64_t kind[TCA_WAY_KINDS];          /* segments of each kind that both hold */
    uint64_t gaps[2];                      /* connections of which it missed bytes that were acknowledged */
    int64_t first_ns[2][2], last_ns[2][2]; /* [sending end][capture]: of those segments; first > last: none */
    int64_t ahead_ns
        [2]
        [2]; /* [sending end]: when it passed b minus when it passed a, each by its own clock, of segments told
                             * strictly: least and most; least > most: none */
};

struct tca_pair {
    uint32_t a, b;
    uint64_t strict;
    int64_t ahead_ns[2]; /* as of a way, of both senders */
};

/* From the first to the last record of a capture, and its connections. */
struct tca_watch {
    int64_t first_ns, last_ns;
    uint64_t flows;
};

struct tca_twins {
    struct tca_sieve ends, isns; /* until linked: which keys may be there twice, as rounds compare them */
    struct tca_twin_keys keys;   /* once linked by capture and frame; until settled */
    uint32_t *parent;            /* owned, while groups are made: by index in row order */
    uint64_t *held;              /* owned, likewise, of a root: captures in its group */
    struct tca_way *way;
    size_t way_count, way_room;
    struct tca_pair *pair; /* captures that are two views of one traffic */
    size_t pair_count;
    bool cut_short; /* some rows do not tell their connection to its end, others not from its beginning */
    struct tca_watch *watch; /* by ordinal, from 1 */
    size_t watch_count, watch_room;
    struct tca_lost *found; /* in the group at hand */
    size_t found_count, found_room;
    int found_error;       /* 0, or TCA_EMEMORY: some were not kept */
    struct tca_lost *lost; /* of all rows, those of one row together */
    size_t lost_count, lost_room;
    struct tca_twin *twin; /* once settled by capture and frame */
    size_t twin_count, twin_room;
};

/* Which end, by address and port, has this role. */
int tca_twin_end(const struct tca_dossier *d, int role);
/* The role in y of the end that has `role` in x. */
int tca_twin_role(const struct tca_dossier *x, const struct tca_dossier *y, int role);
/* Do numbers that no other connection shares say that this is the same one? Else its tuple alone does. */
bool tca_twin_sure(const struct tca_dossier *x, const struct tca_dossier *y);
/* Did two captures of one traffic see it at one time? */
bool tca_twin_linked(const struct tca_twins *twins, const struct tca_dossier *x, const struct tca_dossier *y);
/* Do the segments themselves fit, by more than their numbers? */
bool tca_twin_shares(const struct tca_dossier *x, const struct tca_dossier *y);
/* Nothing but the client's SYNs: all that the next capture would show may be lost. */
bool tca_twin_only_syns(const struct tca_dossier *d);
/* Was a late copy of the SYN answered as well? Then the row is more than one connection's. */
bool tca_twin_mixed(const struct tca_dossier *d);
/* Is this mark a segment of the connection's own? */
bool tca_twin_own(const struct tca_mark *mark);
enum tca_way_kind tca_way_kind(const struct tca_mark *mark);
/* The same segment, as far as both tell? With *ret_strict: told by more than its numbers. */
bool tca_twin_same(const struct tca_mark *one, const struct tca_mark *other, bool *ret_strict);

/* These captures are two views of one traffic; NULL: they are not. */
const struct tca_pair *tca_twins_pair(const struct tca_twins *twins, uint32_t one, uint32_t other);
/* ... told as a yes or no. */
bool tca_twins_paired(const struct tca_twins *twins, uint32_t one, uint32_t other);

/* All ways between the hosts of connection d, to its service: a run of `*ret_count`, NULL for none. */
const struct tca_way *tca_ways_of(const struct tca_twins *twins, const struct tca_dossier *d,
                                  size_t *ret_count);
/* The way between two captures of one connection; NULL: none. */
const struct tca_way *tca_way_between(const struct tca_twins *twins, const struct tca_dossier *x,
                                      const struct tca_dossier *y);
/* Which of the way's captures is nearer to this end of it: 0 for a, 1 for b, -1: unknown. */
int tca_way_nearer(const struct tca_way *way, int end);

#endif
