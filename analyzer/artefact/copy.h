/* SPDX-License-Identifier: MIT
 *
 * Copies that the capture made: a mirror port or the `any` device shows a segment twice, or once before and once behind a
 * router. Its sender sent one, so the mirrors are to see one.
 *
 *      first of its kind in a short time      genuine, noted
 *      equal to one noted, and ...
 *        no stack sends that twice            a copy: by its IP identification, or SYN, FIN, payload with time stamps
 *        a stack may send it twice            a copy only where this capture is known to hold two of each
 *
 * The last are bare ACKs and resets without an identification (those of Linux' requests, TIME_WAITs and closed ports, and
 * all of IPv6), which answer each segment alike. What is known: the segment before it of which a copy can be told by itself,
 * of the same sender or else of the other one, had a copy too, as far behind it, through as many routers, and each genuine
 * segment has as many copies as that one. Where the tuple has shown no such segment yet, the capture's beginning and the
 * tuple's partition (flow/partition.h) speak for it: if they have shown thirty or more, nearly all with a copy, and the
 * newest before this one too. Without such evidence a segment
 * is genuine. The capture's first segments are looked at before the first is used (ahead.h), so that they are judged as its last are.
 *
 * The state is of one tuple, not of one connection: a copy can come when its connection is over and the next one begun.
 */
#ifndef TCA_ARTEFACT_COPY_H
#define TCA_ARTEFACT_COPY_H

#include "decode/segment.h"

enum { TCA_NOTED_MAX = 16 };
struct tca_beyond; /* beyond.h */

enum { TCA_OWNER_BITS = 40, TCA_NUMBER_BITS = 24 }; /* 10^12 frames; more segments than come within 20 ms */
/* A genuine segment. */
struct tca_noted {
    int64_t time_ns;
    uint64_t owner : TCA_OWNER_BITS; /* the caller's: the connection that it belongs to, by its first frame */
    uint64_t number : TCA_NUMBER_BITS; /* the low bits of how many `sure` ones the capture showed before it */
    uint32_t before[2];                /* segments of each side before it of which a copy is told by itself */
    uint8_t ttl, copies;
    uint8_t side;
    bool is_sure;  /* of this one it is */
    uint32_t high; /* half of its print */
};

/* How a segment was doubled. */
struct tca_manner {
    uint16_t hops; /* through how many routers more its copies had gone, a bit each */
    uint8_t times; /* how many there were */
};
struct tca_manners {
    struct tca_manner now, before; /* of the newest that had copies, and of the one before it */
};

/* How far behind their segments copies come; most_ns 0: none has come. */
struct tca_apart {
    int64_t least_ns, most_ns;
};

/* What is known of a capture, as far as one partition of it shows. All zero: nothing. */
struct tca_doubled {
    uint64_t sure;   /* segments of which a copy is told by itself */
    uint64_t copied; /* the newest of these that had a copy, from 1; 0: none had */
    uint64_t had;    /* so many had */
    struct tca_manners manners;
    struct tca_apart apart;
};

/* What is known of the segments of one side. */
struct tca_doubling {
    uint32_t sure;   /* so many of which a copy is told by itself */
    uint32_t copied; /* the newest of these that had a copy, from 1; 0: none had */
    struct tca_manners manners;
    uint8_t syns;     /* of the other side, that this one has not answered yet */
    uint16_t last_id; /* of the newest genuine segment; 0: none */
    bool same_id;     /* different segments bear one identification: it tells nothing */
    bool has_ack, has_syn;
    int64_t syn_ns;    /* of its newest SYN */
    uint32_t last_ack; /* of the newest one that bears an acknowledgment and nothing else */
    int64_t
        asked_ns; /* when it last asked for something again: by SACK, or by the same acknowledgment once more */
};

/* All zero: nothing was seen. */
struct tca_copies {
    /* The print is what copies have in common, as a number; 0: empty. Its lower half stands here, so that all are compared
     * at once, the other one with what is noted. */
    uint32_t low[TCA_NOTED_MAX];
    unsigned count; /* noted so far */
    struct tca_doubling side[2];
    struct tca_apart apart;
    struct tca_doubled *all;   /* borrowed: what is known of the capture; NULL: nothing */
    struct tca_beyond *beyond; /* borrowed: for those that find no room here; NULL: they are forgotten */
    uint64_t
        beyond_of;     /* whose they are there: frame of the segment that pushed the first one out; 0: none */
    int64_t beyond_ns; /* time of the newest of them */
    struct tca_noted noted[TCA_NOTED_MAX];
};

/* Is this segment, or ICMP error that quotes one, sent by `side` (0 or 1), a copy of one noted? Then that one. Else it is noted,
 * and NULL returned. */
const struct tca_noted *tca_copies_find(struct tca_copies *copies, const struct tca_segment *seg, int side);
/* The short way of nearly all: a segment, no quotation, is noted as that of this owner. False: nothing was done, since there may be
 * one that it is a copy of, or the tuple has shown copies. */
bool tca_copies_take(struct tca_copies *copies, const struct tca_segment *seg, int side, uint64_t owner);
/* To whom the segment that was noted last belongs. */
void tca_copies_own(struct tca_copies *copies, uint64_t owner);

#endif
