/* SPDX-License-Identifier: MIT
 *
 * Twins: one connection seen at several capture points, and what they prove together.
 *
 *     every dossier --> key (addresses, ports, ISNs) --> groups: the same connection in several captures
 *     every group   --> segments both hold            --> which captures really are two views of one traffic,
 *                                                         in which order they stand on the way, from when to when
 *     every group   --> segments only the nearer one holds, while the farther one was capturing: lost between them
 *
 * Captures are compared by sequence numbers, time stamps and IP IDs, never by their clocks: these may differ by any
 * amount. What a list of marks left out, and what may have passed before a capture began or after it ended, is not told.
 * Memory is proportional to the number of connections that share their ends or their numbers with another one, or are SYNs
 * alone, and some bytes for each of the others; time is n log n.
 */
#ifndef TCA_CLASSIFY_TWIN_H
#define TCA_CLASSIFY_TWIN_H

#include "classify/read/dossier.h"

enum { TCA_TWINS_MAX = 8 }; /* captures of one connection that are compared */

enum tca_lost_kind {
    TCA_LOST_SYN,
    TCA_LOST_SYNACK,
    TCA_LOST_OPEN_ACK, /* that should have opened the server's side */
    TCA_LOST_DATA,
    TCA_LOST_FIN,
    TCA_LOST_FIN_ACK,
    TCA_LOST_RST,
    TCA_LOST_KINDS
};

/* What became of the copy of payload that is named. */
enum tca_lost_fate { TCA_LOST_GONE, TCA_LOST_ARRIVED, TCA_LOST_OPEN };

/* A segment that left one capture point and never reached the next one on its way. */
struct tca_lost {
    uint8_t kind;         /* enum tca_lost_kind */
    uint8_t side;         /* sender, by the role in the row it is told in */
    uint8_t copy, copies; /* number of this copy at the nearer point, and how many; 0: not told */
    uint8_t fate;         /* enum tca_lost_fate; all but payload: GONE */
    uint8_t
        count; /* 1; of payload: how many of its copies were lost, at least; 0: in the count of another entry */
    uint8_t confidence; /* enum tca_confidence */
    uint32_t near, far; /* ordinals of the captures */
    uint64_t frame;     /* in `near` */
    int64_t time_ns;    /* by the clock of `near` */
    uint64_t far_frame; /* in `far`: the next copy that arrived, or this one; 0: none is known */
    int64_t far_ns;     /* by the clock of `far`, of a copy; -1: none came there */
    uint32_t seq;       /* of payload: first byte, counted from the sender's ISN */
    uint64_t
        own_frame; /* in the capture of the row it is told in: `frame` or far_frame; 0: that holds none of them */
    int64_t own_ns; /* when, by its clock; of what it does not hold: as far as the clocks can be compared */
};

/* One row, and the same connection in other captures. */
struct tca_twin {
    uint32_t capture;
    uint64_t id_frame; /* together with `capture` it names the flow */
    bool chief;  /* of all rows of its connection this is the one to count: at the server if that is known */
    bool deputy; /* ... but the chief saw nothing wrong, and this row proves that something was */
    bool relieved;  /* a chief that has a deputy */
    uint8_t proved; /* enum tca_severity of what this row is certain of; private */
    uint8_t others;
    struct {
        uint32_t capture;
        uint64_t id_frame;
    } other[TCA_TWINS_MAX - 1];  /* by capture */
    uint32_t lost_count;         /* lost[] */
    uint32_t lost_pkts;          /* segments, all counted */
    const struct tca_lost *lost; /* in order of time in `capture`, what it holds nothing of last; borrowed */
    size_t lost_at;              /* where they begin in the list of all; private */
};

struct tca_twins;    /* opaque */
struct tca_twin_key; /* private */

/* For so many flows, about. 0 or TCA_EMEMORY. */
int tca_twins_new(size_t flows, struct tca_twins **ret_twins);
void tca_twins_free(struct tca_twins *twins); /* accepts NULL */

/* 0. Each flow once, in any order: most share nothing with any other, and need not be kept. */
void tca_twins_meet(struct tca_twins *twins, const struct tca_dossier *d);
/* ... and each capture once, in their order: from its first record to its last, and how many of the flows are its. 0 or
 * TCA_EMEMORY. */
int tca_twins_watch(struct tca_twins *twins, int64_t first_ns, int64_t last_ns, uint64_t flows);
/* What some of the flows share with others. All zero: nothing. */
struct tca_twin_keys {
    struct tca_twin_key *list; /* owned */
    size_t count, room;
};
/* 1. Each flow once more, in any order; on any thread, if it has keys of its own. 0 or TCA_EMEMORY. */
int tca_twins_add(const struct tca_twins *twins, const struct tca_dossier *d, struct tca_twin_keys *keys);
/* ... and these keys once. 0 or TCA_EMEMORY. */
int tca_twins_take(struct tca_twins *twins, const struct tca_twin_keys *keys);
void tca_twin_keys_done(struct tca_twin_keys *keys);
/* 2. All flows are in: find the groups. 0 or TCA_EMEMORY. */
int tca_twins_link(struct tca_twins *twins);
/* Is there any group? */
bool tca_twins_grouped(const struct tca_twins *twins);
/* The group of a flow, 1 and up; 0: nothing more is to be learnt of it. Flows of one group are the same connection. */
uint64_t tca_twins_group(const struct tca_twins *twins, const struct tca_dossier *d);
/* 3. Each group once, its dossiers by capture. 0 or TCA_EMEMORY. */
int tca_twins_compare(struct tca_twins *twins, const struct tca_dossier *d, size_t count);
/* 4. All groups were compared. 0 or TCA_EMEMORY. */
int tca_twins_order(struct tca_twins *twins);
/* 5. Each group once more: what was lost. 0 or TCA_EMEMORY. */
int tca_twins_judge(struct tca_twins *twins, const struct tca_dossier *d, size_t count);
/* 6. All groups were judged: find is allowed from here on. */
void tca_twins_settle(struct tca_twins *twins);
/* 7. How severe (enum tca_severity) is what each row is told by; each row once, in any order. */
void tca_twins_weigh(struct tca_twins *twins, const struct tca_dossier *d, int severity, bool certain);
/* 8. All rows were weighed: name deputies. */
void tca_twins_appoint(struct tca_twins *twins);
/* Is anything known of any row? NULL: no. */
bool tca_twins_any(const struct tca_twins *twins);
/* What is known of this row; NULL: nothing. */
const struct tca_twin *tca_twins_find(const struct tca_twins *twins, const struct tca_dossier *d);

/* Do other captures show the connections of this one, from better places? Then what is told of it is told there. */
bool tca_twins_shadowed(const struct tca_twins *twins, uint32_t capture);

#endif
