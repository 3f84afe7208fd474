/* SPDX-License-Identifier: MIT
 *
 * A dossier: everything that pass 1 learnt of one flow, self-contained. It is all a classifier sees of the flow,
 * the only thing that waits in the spool between the passes, and no pointer into pass 1 survives in it.
 */
#ifndef TCA_CLASSIFY_DOSSIER_H
#define TCA_CLASSIFY_DOSSIER_H

#include "base/bits.h"
#include "flow/flow.h"
#include "mirror/mirror.h"
#include "peer/peer.h"

#include <stddef.h>

#define TCA_NO_STREAM UINT64_MAX /* all its segments are none to Wireshark */

/* Where one connection has two rows of a capture, before and after its addresses were translated. */
enum tca_nat_part {
    TCA_NAT_NONE,
    TCA_NAT_BEFORE, /* another row shows it with translated addresses */
    TCA_NAT_AFTER,  /* another row shows it as it was before */
};

/* Which marks there are and where they stand, so that to ask for what is not there costs one test. */
struct tca_mark_index {
    bool known;         /* it was made; else a question walks all marks */
    bool witness;       /* some are witnesses, which count among `any` alone */
    uint32_t any;       /* roles of all marks */
    uint32_t roles[2];  /* by side: of its marks */
    uint32_t repeat[2]; /* by side: of two of its marks or more */
    uint8_t first[2][TCA_ROLE_COUNT], last[2][TCA_ROLE_COUNT]; /* by side, of each role that is there */
};

struct tca_dossier {
    uint32_t capture;      /* 1-based ordinal in the run's list */
    uint64_t stream_frame; /* frame of the piece of a stream in which it began (flow/stream.h); 0: none */
    uint64_t
        tcp_stream; /* Wireshark's: order of creation in its capture, from 0; TCA_NO_STREAM. Set after pass 1 */
    uint8_t completeness; /* Wireshark's, of that stream; likewise */
    uint64_t
        id_frame; /* first frame of the connection in the whole file, left-out records included: names the flow */
    uint64_t attempt_of;   /* id_frame of the first of several attempts to open it; 0: there was one only */
    bool nat_same_addr[2]; /* by role: the other row has this end under the same address */
    uint8_t nat;           /* enum tca_nat_part; set, and what follows of it, before pass 2 judges */
    uint64_t nat_frame;    /* id_frame of the other row of this connection; 0: none */
    int64_t nat_later_ns; /* AFTER: how long its SYN took from the one side of the translation to the other */
    int64_t anew_ns;      /* when the client began the next of these; 0: this is the last */
    uint8_t addr[2][16];  /* by role: client, server; IPv4 as ::ffff:a.b.c.d */
    uint16_t port[2];
    uint8_t family;       /* 4 or 6 */
    uint8_t role_basis;   /* enum tca_role_basis */
    struct tca_tags tags; /* of the first frame */
    bool
        cut_short; /* for want of memory it was watched until cut_ns only; what came later is another row's */
    int64_t cut_ns;
    int64_t capture_end_ns; /* time of the capture's last record, or cut_ns: set before pass 2 judges */

    struct tca_peer peer; /* other programs' words for its stream */
    uint8_t key_side[2];  /* of client and server: the sides by which `peer` tells */

    struct tca_mirror m; /* m.marks and m.trouble are not used here: they follow */
    struct tca_trouble trouble[2];
    uint16_t mark_count;
    const struct tca_mark *mark; /* by frame; they belong to what the dossier was decoded from */
    struct tca_mark_index index;
    uint32_t host[2]; /* by role: number of its host (classify/sweep/host.h), set in pass 2 */
};

/* All marks are in place, by frame, and will stay as they are. */
void tca_dossier_index(struct tca_dossier *d);

/* False: there is no mark with any of these roles sent by `side` (TCA_CLIENT, TCA_SERVER, or -1 for both), not counting
 * witnesses. True without an index. */
static inline bool tca_dossier_has(const struct tca_dossier *d, uint32_t roles, int side)
{
    const struct tca_mark_index *index = &d->index;
    uint32_t there = side < 0 ? index->roles[TCA_CLIENT] | index->roles[TCA_SERVER] : index->roles[side];
    return (there & roles) || !index->known;
}

/* The same of all marks, witnesses among them. */
static inline bool tca_dossier_any(const struct tca_dossier *d, uint32_t roles)
{
    return (d->index.any & roles) || !d->index.known;
}

/* The n-th such mark (from 0); NULL when there are fewer. That there is none, or the first one or no other with this role,
 * the index says by itself. */
const struct tca_mark *tca_dossier_seek(const struct tca_dossier *d, uint32_t roles, int side, unsigned n);
static inline const struct tca_mark *tca_dossier_mark(const struct tca_dossier *d, uint32_t roles, int side,
                                                      unsigned n)
{
    const struct tca_mark_index *index = &d->index;
    bool one_kind = side >= 0 && !(roles & (roles - 1)) && index->known;
    if (!tca_dossier_has(d, roles, side) || (one_kind && n && !(index->repeat[side] & roles)))
        return NULL;
    return one_kind && !n ? &d->mark[index->first[side][tca_lowest_bit(roles)]]
                          : tca_dossier_seek(d, roles, side, n);
}
/* The last such mark. */
const struct tca_mark *tca_dossier_last(const struct tca_dossier *d, uint32_t roles, int side);
/* How many of them were kept. */
unsigned tca_dossier_count(const struct tca_dossier *d, uint32_t roles, int side);

/* Nothing but resets that answer something: backscatter, or stragglers. No connection was seen. */
bool tca_dossier_stray(const struct tca_dossier *d);

/* The round trip between the capture point and the client after the opening, by what the client answered. */
struct tca_client_path {
    int64_t most_ns; /* no longer than this; -1: nothing tells */
    int64_t fin_ns;  /* its answer to a FIN that was sent once, which is not delayed; -1: none */
};
struct tca_client_path tca_dossier_client_path(const struct tca_dossier *d);

#endif
