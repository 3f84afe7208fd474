/* SPDX-License-Identifier: MIT
 *
 * The flow table: which connection a segment belongs to.
 *
 *      tuple (unordered 4-tuple) --> newest incarnation --> older --> older ...
 *                                --> stream (other programs' label)
 *
 * A flow is one incarnation of a tuple. A bare SYN with a new ISN begins the next one at once; the older one
 * stays live until the new one is answered, and until then each segment goes to the incarnation whose
 * sequence space it fits. What was replaced that way is kept a while for segments that come late. The table knows numbers only as far as identity needs them; states are the
 * mirror's. Each flow carries an opaque payload for its owner.
 */
#ifndef TCA_FLOW_FLOW_H
#define TCA_FLOW_FLOW_H

#include "artefact/copy.h"
#include "artefact/order.h"
#include "base/alloc.h"
#include "decode/segment.h"
#include "flow/stream.h"

#include <stddef.h>

/* The unordered 4-tuple: side 0 has the lower (address, port). Compared as bytes, so it is always zeroed
 * first. */
struct tca_key {
    uint8_t addr[2][16];
    uint16_t port[2];
    uint16_t vlan[4]; /* only with key_vlan */
    uint32_t encap_id;
    uint8_t encap, family;
    uint8_t plain; /* with other keys set: the 4-tuple alone, to which streams belong */
    uint8_t pad;
};

/* Sequence space of one side, as far as identity needs it. */
struct tca_space {
    uint32_t iss, nxt;
    uint32_t first; /* number of its first segment */
    bool iss_known, nxt_known, first_known;
};

/* What told which end is the client. */
enum tca_role_basis {
    TCA_BASIS_SYN,
    TCA_BASIS_SYNACK,
    TCA_BASIS_OPTION, /* of SYN options alone: not told yet */
    TCA_BASIS_PORT,
    TCA_BASIS_ORDER,
    TCA_BASIS_USER,
};

/* How long a flow waits for another segment. */
enum tca_flow_class { TCA_FLOW_LIVE, TCA_FLOW_OPENING, TCA_FLOW_OVER, TCA_FLOW_CLASSES };

/* What of a SYN is not like that of others (embryo.c). */
struct tca_syn {
    uint32_t number : 24; /* of its tca_noted */
    uint32_t shape : 8;   /* what it has in common with others */
    uint32_t seq, tsval;
    uint16_t ip_id, window;
    uint8_t ttl;
    uint8_t side; /* key side of its sender */
};

/* What an ordinary segment touches stands last, beside what it touches of the payload. */
struct tca_flow {
    struct tca_tuple *tuple;      /* its place in the table */
    struct tca_flow *prev, *next; /* age list of its class */
    int64_t listed_ns;     /* when it took its place in that list, in the passage of the file (passage.h) */
    uint64_t attempt_of;   /* first_frame of the first of several attempts that it is one of; 0: alone */
    int64_t anew_ns;       /* when the next of them began; 0: it is the last */
    uint64_t stream_frame; /* of the piece in which it began */
    struct tca_tags tags;  /* of the first frame */
    struct tca_syn syn;    /* while it is nothing but that */
    uint32_t parked;       /* so often it was put away and came back */
    uint32_t note;         /* the table owner's, kept with the flow */
    uint8_t role_basis;    /* enum tca_role_basis */

    struct tca_flow *older;    /* next older incarnation that is still live */
    struct tca_stream *stream; /* in which it began; NULL: its segments were none to Wireshark */
    uint64_t first_frame;
    int64_t last_ns;              /* of its last segment */
    int64_t heard_ns;             /* where that stands in the passage of the file */
    struct tca_space space[2];    /* by key side */
    struct tca_tags side_tags[2]; /* of each side's first segment, by key side */
    bool side_tagged[2];          /* ... which has been seen */
    bool fin[2], reset;           /* a FIN of that side was seen; an RST of either */
    bool mixed_tags;    /* one side's segments carry different tags: perhaps several connections in one */
    uint8_t client;     /* key side of the active opener */
    uint8_t age_class;  /* enum tca_flow_class */
    uint8_t list;       /* in which list of its class it is; the table's */
    bool opened_by_syn; /* began with a bare SYN */
    bool committed;     /* its SYN was answered with ack = ISN+1, or it never had one */
    bool replaced;      /* a newer one was committed: over, but for what comes late */
    bool cut_short;     /* told now, though something could still have come: for want of memory (early.c) */
    _Alignas(16) unsigned char payload[];
};

/* An address and port that the user says is a server. */
struct tca_server_hint {
    uint8_t addr[16];
    uint16_t port;
};

struct tca_flow_settings {
    bool key_vlan, key_tunnel;
    uint64_t seed;                        /* of the hash; results never depend on it */
    const struct tca_server_hint *server; /* borrowed */
    size_t server_count;
    size_t payload_size, stream_payload_size;
    struct {
        size_t from, to;
    } touched[2];          /* what of a payload an ordinary segment touches: two ranges of it, ... */
    size_t stream_touched; /* ... and so much of the beginning of a stream's */
    size_t
        most[TCA_FLOW_CLASSES]; /* flows of a class in memory; 0: as many as come. No result depends on it */
    /* Tuples of a partition that are remembered, in whatever form; 0: as many as come. Results depend on it: what is beyond it is
     * told early, as tca_flow_expire() is told the time. A quarter more may be there in between. */
    size_t remembered;
    /* Called for each flow that is over (expired, replaced, table freed), before its memory is taken back. */
    int (*over)(void *user, struct tca_flow *flow);
    /* Called for each piece of a stream when it is over. */
    int (*piece_over)(void *user, const struct tca_key *key, const struct tca_piece *piece);
    /* Parking: park NULL, or none. A flow of which nothing was heard for a while is told as if it were over, and its
     * memory taken back; but something may come. The owner keeps the flow's payload, that of its stream (if it has one) and
     * `size` bytes of the table's (at most TCA_PARCEL_MAX), and says where; recall brings all of it into zeroed memory, for
     * what is told again later. may_park is asked first of all flows of a tuple. */
    bool (*may_park)(void *user, struct tca_flow *flow);
    int (*park)(void *user, struct tca_flow *flow, const void *parcel, size_t size, uint64_t *ret_place);
    int (*recall)(void *user, uint64_t place, void *payload, void *stream_payload, void *ret_parcel,
                  uint32_t *ret_note);
    /* A flow that is but one SYN may be forgotten, unless may_park says no: its payload is given back as if it had never been,
     * and when something comes, or it is over, the SYN is used again, for payloads that are zeroed. */
    void (*forget)(void *user, struct tca_flow *flow);
    int (*again)(void *user, struct tca_flow *flow, const struct tca_segment *syn, int side);
    /* A SYN that joined as tca_flow_meet_alone() says, and was not used yet, is to join as others do: its tuple, stream and side
     * are known by now. NULL: none joins so. */
    void (*rejoin)(void *user, struct tca_waiting *syn, struct tca_lane *lane);
    /* Called instead of `over` and piece_over for such a SYN of which nothing came any more: all is told by it. alike: that of SYNs which differ
     * in times, frames, addresses, ports and the numbers of struct tca_syn only; less than TCA_SHAPES. *ret_told false: nothing was
     * done, and the SYN is used again. NULL: it always is. */
    int (*lone_over)(void *user, const struct tca_segment *syn, int side, unsigned alike, bool *ret_told);
    /* Packing: all of a flow that is quiet for a moment, in fewer bytes; pack NULL, or none. The owner tells how much room its
     * payload takes at most, writes it there, before the payload is given back as by forget, and makes a payload of it again, in
     * zeroed memory: NULL when memory is out. Both return where it ends. */
    size_t (*pack_room)(void *user, const struct tca_flow *flow);
    uint8_t *(*pack)(void *user, struct tca_flow *flow, uint8_t *out);
    const uint8_t *(*unpack)(void *user, const uint8_t *in, void *payload);
    size_t whole; /* so many live flows stay as they are. No result depends on it */
    void *user;
};
enum { TCA_PARCEL_MAX = 2048, TCA_SHAPES = 255 };

struct tca_flow_table;

/* What tca_flow_find tells. All borrowed: valid until the flow is over. */
struct tca_flow_found {
    struct tca_flow *flow;
    struct tca_flow *prior;   /* the incarnation before it, if the flow is new and there is one */
    struct tca_flow *witness; /* a newer flow, not yet answered, that this segment of an older one answers */
    bool is_new, commits;     /* commits: this segment answers the newest SYN; the older ones end now */
    struct tca_flow *newer; /* flow was replaced by this one and the segment comes late; NULL: it does not */
    bool copy;              /* the capture's copy of a segment of flow (NULL: which is over): nothing new */
    uint8_t from;           /* role of the sender: 0 client, 1 server */
    uint8_t side;           /* key side of the sender, where it is no copy */
};

int tca_flow_table_new(const struct tca_flow_settings *set, struct tca_flow_table **ret_table);
/* Before the first segment: what is known already of how the capture doubles. */
/* From this frame on segments are of another file than those before it: pieces of streams end with a file. */
void tca_flow_turn_file(struct tca_flow_table *table, uint64_t frame);
void tca_flow_doubled(struct tca_flow_table *table, const struct tca_doubled *known);
/* Ends all flows by calling `over`, in no order that may matter. */
int tca_flow_table_end(struct tca_flow_table *table);
void tca_flow_table_free(struct tca_flow_table *table);

/* What tca_flow_meet tells. Neighbours are not kept together by who is told: two that were just written cannot be read as one
 * without waiting for both. */
struct tca_flow_met {
    struct tca_tuple *tuple; /* stays until tca_flow_find() is given it */
    struct tca_lane *lane;   /* for the segments of this tuple that wait; likewise */
    uint64_t stream_frame;   /* of the piece to which the segment belongs */
    int64_t now_ns; /* by which its tuple's flows are over: its time, or less where that is to be doubted */
    struct tca_stream *stream; /* likewise; NULL: none sees it */
    int side;                  /* key side of the sender */
};
/* Where the tuple of a segment is to be looked for. Where several are looked for before the first is met, their memory is there
 * when it is needed. */
struct tca_flow_look {
    struct tca_key key;
    uint32_t tag;
    int side;               /* key side of the sender */
    struct tca_tuple *near; /* where it seems to be; NULL: nowhere */
};
void tca_flow_look(const struct tca_flow_table *table, const struct tca_segment *seg,
                   struct tca_flow_look *ret_look);
void tca_flow_look_all(const struct tca_flow_table *table, struct tca_waiting *const *one, unsigned count,
                       struct tca_flow_look *ret_look);
/* The tuple of this segment, new where needed, and the stream that it belongs to: called in the order of the file. 0 or
 * TCA_EMEMORY. */
int tca_flow_meet(struct tca_flow_table *table, const struct tca_segment *seg,
                  const struct tca_flow_look *look, struct tca_flow_met *ret_met);
/* The same of a SYN of a tuple of which nothing is known, if it is like others that were all of their tuple: it is kept as what
 * these became (embryo.c), without tuple, stream and lane, and its owner is asked to let it rejoin should anything come of its
 * tuple. *ret_alone false: nothing was done. 0 or TCA_EMEMORY. */
int tca_flow_meet_alone(struct tca_flow_table *table, struct tca_waiting *syn,
                        const struct tca_flow_look *look, bool *ret_alone);
/* It is to be used, and has no tuple: it begins a flow, which is told by it alone. *ret_alone false: it has rejoined, and is to be
 * used as others are. 0, TCA_EMEMORY, or what `again` returned. */
int tca_flow_use_alone(struct tca_flow_table *table, const struct tca_waiting *syn, bool *ret_alone);
/* The short way of it: the tuple is where it was seen, and its stream goes on. What tca_flow_meet() tells stands in the segment's
 * place, but for the lane, which is returned; NULL: nothing was done. */
struct tca_lane *tca_flow_meet_next(struct tca_flow_table *table, const struct tca_flow_look *look,
                                    struct tca_waiting *w);
/* An ICMP error waits: the tuple that it quotes, so that it has its place among that one's segments. tuple and lane NULL:
 * there is no such tuple. 0 or TCA_EMEMORY, or what `recall` returned. */
int tca_flow_meet_quoted(struct tca_flow_table *table, const struct tca_flow_look *look,
                         struct tca_flow_met *ret_met);
/* Find the flow of a segment that was met, starting a new one where needed: called once for each, in the order in which
 * segments are to be used. A copy is only to be counted. 0 or TCA_EMEMORY, or what `over` returned. */
int tca_flow_find(struct tca_flow_table *table, const struct tca_flow_met *met, const struct tca_segment *seg,
                  struct tca_flow_found *ret_found);
/* The short way of tca_flow_find() and tca_flow_note() together, for a segment that only goes on with the one flow of its tuple, which
 * lives and stays in its class: that flow, with nothing else to tell. now_ns: as in tca_flow_met. NULL: nothing was done. */
struct tca_flow *tca_flow_take(struct tca_flow_table *table, const struct tca_waiting *w, int64_t now_ns);
/* Are there so many tuples that what a segment touches is worth being fetched before? */
bool tca_flow_is_far(const struct tca_flow_table *table);
/* Begin to fetch from memory what a segment of this tuple is likely to touch: the tuple; the flow, once the tuple is there. */
void tca_flow_fetch_tuple(const struct tca_tuple *tuple);
void tca_flow_fetch(const struct tca_flow_table *table, const struct tca_tuple *tuple);
/* What no flow of ours uses, a quotation or the stub of a segment, belongs to a stream all the same. */
int tca_flow_see(struct tca_flow_table *table, const struct tca_segment *seg);
/* The flow that an ICMP error quotes, once for each that was met: among incarnations by its sequence number. flow NULL:
 * none. 0 or TCA_EMEMORY, or what `recall` returned. */
int tca_flow_find_quoted(struct tca_flow_table *table, const struct tca_flow_met *met,
                         const struct tca_segment *quote, struct tca_flow_found *ret_found);
/* After the segment of this side was used: note it in the sequence spaces, move the flow to the end of its class's age
 * list. */
void tca_flow_note(struct tca_flow_table *table, struct tca_flow *flow, const struct tca_segment *seg,
                   int side, enum tca_flow_class age_class);
/* This one was committed: of the incarnations older than it end those that nobody answered, and keep the others for what
 * comes late. */
int tca_flow_replace_older(struct tca_flow_table *table, struct tca_flow *flow);
/* The flow that this SYN, sent by key side `side`, would be if it were all of its tuple goes to fn; nothing of it remains. 0 or
 * TCA_EMEMORY, or what fn or `again` returned. */
int tca_flow_imagine(struct tca_flow_table *table, const struct tca_segment *syn, int side,
                     int (*fn)(void *user, struct tca_flow *flow), void *user);
/* This time of the file has come: take back the memory of what has waited too long. All tables of a capture are told the same
 * times between the same segments; then no result depends on what is in which, as meet and find end what is over of their own
 * tuple by the same clock. */
int tca_flow_expire(struct tca_flow_table *table, int64_t now_ns);

/* Address and port of a role. */
const uint8_t *tca_flow_addr(const struct tca_flow *flow, int role);
uint16_t tca_flow_port(const struct tca_flow *flow, int role);
uint8_t tca_flow_family(const struct tca_flow *flow); /* 4 or 6 */

#endif
