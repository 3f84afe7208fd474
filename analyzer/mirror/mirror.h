/* SPDX-License-Identifier: MIT
 *
 * The mirror of one flow: two endpoints, stepped by the segments that passed the capture point, and the
 * evidence kept of them.
 *
 *      segment --> [damage, acceptability] --> sender steps    (it sent this: proved)
 *                                          --> receiver steps  (it may have got this: assumed)
 *                                          --> marks           (dated facts for the classifiers)
 *
 * A state that rests on "seen to pass" alone is an assumption. The endpoint's own next segment either proves
 * it or refutes it; a refuted step is erased, so the history always tells the settled reading
 * (docs/design/mirror.md). Sides are indexed by role: 0 is the client (active opener), 1 the server.
 */
#ifndef TCA_MIRROR_MIRROR_H
#define TCA_MIRROR_MIRROR_H

#include "base/alloc.h"
#include "decode/segment.h"
#include "mirror/state.h"

enum { TCA_CLIENT = 0, TCA_SERVER = 1 };

/* One step of an endpoint's history: from this moment on it was in `state`. */
struct tca_step {
    int64_t time_ns;
    uint64_t frame; /* the segment that caused it; of a timer, the last frame before it */
    uint8_t state;  /* enum tca_state */
    uint8_t event;  /* enum tca_event */
    bool proved;    /* by what the endpoint itself sent; else assumed */
};

enum { TCA_STEPS_MAX = 16 };

/* What a mark is evidence of. A segment can be several. */
enum tca_role {
    TCA_MARK_SYN = 1 << 0,    /* a copy of a SYN without ACK */
    TCA_MARK_SYNACK = 1 << 1, /* a copy of a SYN+ACK */
    TCA_MARK_OPEN_ACK =
        1 << 2, /* client's segment with ACK, no RST, after the first SYN+ACK, child not yet proved */
    TCA_MARK_CHILD = 1 << 3,      /* first segment of the server that only a full socket sends */
    TCA_MARK_FIRST_DATA = 1 << 4, /* first payload of that side */
    TCA_MARK_FIN = 1 << 5,        /* a copy of a FIN */
    TCA_MARK_FIN_ACK = 1 << 6, /* acknowledges the peer's FIN (first time, and again for each repeated FIN) */
    TCA_MARK_RST = 1 << 7,
    TCA_MARK_TRIGGER = 1 << 8, /* the newest segment of the other side before an RST */
    TCA_MARK_CHALLENGE =
        1 << 9, /* bare ACK with unchanged numbers answering a SYN, an RST or an unacceptable segment */
    TCA_MARK_KEEPALIVE = 1 << 10, /* probe: one below SND.NXT, no new byte, after a silence */
    TCA_MARK_ICMP = 1 << 11, /* an ICMP error that quotes this flow; side = sender of the quoted segment */
    TCA_MARK_LATE_DATA = 1 << 12, /* payload that arrives after its receiver's own FIN was sent */
    TCA_MARK_DATA_RETX = 1 << 13, /* payload without a new byte */
    TCA_MARK_AFTER_RST =
        1 << 14, /* first normal segment of a side after it sent an RST: it was not its own */
    TCA_MARK_IN_TIME_WAIT = 1 << 15, /* any segment towards a side in TIME_WAIT, FIN repeats included */
    TCA_MARK_LAST = 1 << 16,         /* the side's last segment (added when the flow ends) */
    TCA_MARK_ZERO_WINDOW = 1 << 17,  /* the side closed its window */
    TCA_MARK_RETX_RTO = 1 << 18,     /* sent again because the retransmission timer ran out */
    TCA_MARK_RETX_TLP = 1 << 19,     /* sent again as a tail loss probe */
    TCA_MARK_RETX_FAST = 1 << 20,    /* sent again because acknowledgments told of a loss */
    TCA_MARK_SPURIOUS = 1 << 21,     /* shows that its sender had got what the other side sent again */
    TCA_MARK_WINDOW_PROBE = 1 << 22, /* asks whether the other side's window is still closed */
    TCA_MARK_WINDOW_FULL = 1 << 23,  /* payload up to the very end of the other side's window */
    TCA_MARK_REORDERED = 1 << 24,    /* overtaken on the way to the capture point */
    TCA_MARK_OLD_DUP = 1 << 25, /* a copy that the network made, or (on an ACK) the receiver's word of one */
    TCA_MARK_GAP = 1 << 26, /* leaves out, or (on an ACK) acknowledges, what did not pass the capture point */
    TCA_MARK_PAWS = 1 << 27,         /* older than its receiver's newest time stamp: refused */
    TCA_MARK_PAWS_ACK = 1 << 28,     /* the acknowledgment that answers one */
    TCA_MARK_HELD = 1 << 29,         /* payload that had waited for a delayed acknowledgment */
    TCA_MARK_OTHER_SYNACK = 1 << 30, /* a SYN+ACK with another ISN while one answer stood */
};
enum { TCA_ROLE_COUNT = 31 };

/* How an RST's number stood to what its receiver expected (RFC 9293 section 3.10.7.4, RFC 5961 section 3.2).
 */
enum tca_rst_fit {
    TCA_RST_NONE,      /* not an RST */
    TCA_RST_EXACT,     /* its receiver accepts it */
    TCA_RST_IN_WINDOW, /* draws a challenge ACK */
    TCA_RST_OUTSIDE,   /* ignored */
    TCA_RST_BLIND,     /* nothing known of the receiver: cannot tell */
};

/* A mark: one segment as evidence, with what the mirror knew when it passed. Raw values, no opinion. */
struct tca_mark {
    int64_t time_ns;
    uint64_t frame;
    uint32_t roles; /* enum tca_role bits */
    uint32_t
        ordinal; /* OPEN_ACK: number among the client's segments with ACK since the first SYN+ACK, 1-based */
    uint32_t seq, ack, len;
    uint32_t tsval, tsecr;
    uint32_t sent_end;   /* sender's SND.NXT before this segment (highest end sent) */
    uint32_t peer_end;   /* the same of the other side */
    uint32_t peer_acked; /* highest acknowledgment the other side had sent before */
    uint16_t flags, window, ip_id;
    uint16_t icmp_mtu; /* what the ICMP error says that the next link carries; 0: nothing */
    uint8_t ttl;
    uint8_t side;         /* sender: TCA_CLIENT or TCA_SERVER */
    uint8_t sender_state; /* enum tca_state before this segment, assumed */
    uint8_t receiver_state;
    uint8_t rst_fit; /* enum tca_rst_fit */
    uint8_t icmp_type, icmp_code;
    uint8_t icmp_from_peer; /* the ICMP error came from the quoted destination itself */
    uint8_t copy;           /* SYN, SYN+ACK, FIN: number of this copy, 1-based, 255 = that or more */
    uint8_t refusal;        /* enum tca_acceptance (sequence.h): whether its receiver would take it */
    uint8_t checksum;       /* enum tca_checksum */
    bool has_ts : 1, has_ip_id : 1;
    bool
        witness : 1; /* belongs to an older incarnation of the tuple; kept here because it answers this one, or
                             because it is this one's and came late */
    bool answers_syn : 1; /* SYN+ACK within the path's delay after a repeated SYN: not a timer's rung */
    bool
        crossing : 1; /* repeat of a SYN+ACK or SYN that left before the ACK, or the ICMP error, could have arrived */
    bool refuting : 1; /* contradicted the assumed state of its sender: that state was rolled back */
    bool new_data : 1; /* carried payload never seen before */
    bool
        unused : 1; /* false, as what follows is zero: marks are compared as bytes, and no bit may be left to chance */
    uint8_t pad[4];
};

/* Marks are kept per role: the first ones, and the newest in the last place; counts in the mirror are exact.
 */
enum { TCA_MARKS_PER_CHUNK = 6, TCA_MARKS_MAX = 192 };
struct tca_mark_chunk {
    struct tca_mark_chunk *next;
    struct tca_mark mark[TCA_MARKS_PER_CHUNK];
};

/* A hole: sequence space of one side that was skipped over in the capture. */
struct tca_hole {
    uint32_t from, to;
};
enum { TCA_HOLES_MAX = 6 };

/* What tells a segment that the network doubled from one sent again. */
struct tca_seen {
    uint32_t seq, ack, len, tsval;
    uint16_t flags, ip_id; /* TCA_SEEN_USED among the flags: there is one */
};
#define TCA_SEEN_USED 0x8000
enum { TCA_SEEN_MAX = 4 };

/* What the newest segment of a side needs to be made a mark of, besides what its side holds. */
struct tca_newest {
    uint32_t peer_end, peer_acked, len, tsecr;
    uint16_t flags, window;
    uint8_t checksum; /* enum tca_checksum */
    bool has_ts, has_ip_id;
    bool due; /* there is one, and `recent` is of an older one */
};

/* What a side does about payload that it takes for lost. */
enum tca_recovery {
    TCA_RECOVERY_NONE,
    TCA_RECOVERY_TLP,  /* one probe is out */
    TCA_RECOVERY_FAST, /* acknowledgments told of a loss */
    TCA_RECOVERY_RTO,  /* the timer ran out: all that is outstanding counts as lost */
};

/* The newest segment of the connection before this one that a side sent when this one was open. */
struct tca_stray {
    int64_t time_ns; /* -1: none */
    uint64_t frame;
    uint8_t refusal; /* enum tca_acceptance: why the other side does not take it */
};

/* One of the newest payloads of a side that were sent again. */
struct tca_again {
    uint32_t seq, end, tsval;
    bool first_waiting; /* it began where the peer's acknowledgments stood: the peer echoes its time stamp */
    bool has_ts;
    bool told; /* already known to have been needless */
};
enum { TCA_AGAIN_MAX = 4 };

/* Something that lasted: from the first frame to the last. */
struct tca_spell {
    int64_t start_ns, end_ns;
    uint64_t first_frame, last_frame; /* last_frame 0: it never ended */
    uint32_t count;                   /* of what it consists of */
};

/* What only a side in trouble needs (liveness.c). */
struct tca_trouble {
    struct tca_again again[TCA_AGAIN_MAX]; /* ring of the newest */
    uint32_t again_count;
    int64_t tlp_gap_ns; /* the interval that the newest probe ended, while it may have been a timer's */
    struct tca_spell ladder,
        ladder_worst;                  /* copies of the same payload at a timer's distance: newest, longest */
    uint32_t gap_count, gap_reordered; /* holes left by its segments; those that an overtaken one filled */
    uint32_t gap_missed;               /* those that the peer acknowledged unfilled: the capture lacks them */
    uint32_t reorder_count, reorder_sure; /* overtaken; those of them that an older time stamp proves */
    uint32_t old_dup_count, unseen_count;
    int64_t hole_ns;     /* when the newest gap was opened */
    int64_t reorder_ns;  /* largest delay of what was overtaken, as far as it can be told */
    uint32_t zero_count; /* times this side closed its window */
    bool hole_in_pieces; /* the newest gap is filled in smaller segments than its bytes were first sent in */
    struct tca_spell zero,
        zero_worst; /* newest; longest while the peer had something to send. count: probes */
    uint32_t probe_run,
        probe_even; /* probes since the peer's last word; window probes at keepalive's even pace */
    int64_t probe_last_ns, probe_gap_ns;
    uint64_t probe_last_frame;
    uint32_t stall_count; /* payload held back for a delayed acknowledgment */
    int64_t stall_ns;     /* ... and for how long in all */
    uint32_t window_full_count, paws_answered;
};

/* One endpoint as mirrored. "Sent" is proved by the capture, "got" is assumed until the endpoint shows it. What a segment of a
 * calm connection touches (easy.c) stands first: a cache line that both ends of it need, two and a half of its sender. */
struct tca_side {
    /* Sequence space sent by this side, and what its peer knows of it. */
    uint32_t snd_nxt;
    uint32_t acked;      /* highest acknowledgment this side SENT: proves what it received */
    uint32_t right_edge; /* highest ack + window ever advertised by this side, scaled */
    uint32_t ts_recent;  /* newest TSval got in order (RFC 7323 section 4.3) */
    int64_t ts_recent_ns;
    int64_t una_ns;   /* newest acknowledgment of any got; -1, as all moments where it never happened */
    int64_t sent_ns;  /* newest payload or FIN sent */
    uint32_t held_us; /* its newest payload, small and alone, was acknowledged so late; 0: it was not */
    uint32_t
        big_end; /* the first payload larger than any that has arrived, until it is acknowledged or sent again in pieces */
    uint16_t big_len, passed_len; /* 0: none under way; the largest that has arrived in one piece, perhaps */
    uint16_t mss;
    uint8_t wscale;
    uint8_t recovery; /* enum tca_recovery */
    uint8_t dup_acks; /* acknowledgments without progress */
    bool nxt_known, acked_known, edge_known, wscale_known, has_mss;
    bool news;  /* the peer told of something that arrived since this side last sent payload */
    bool alone; /* its newest payload is less than a full segment, and all before it was acknowledged */

    /* Of the sender only. */
    uint64_t pkts, bytes, last_frame;
    int64_t last_ns, last_data_ns;
    uint32_t tsval_last; /* last TSval sent */
    uint32_t good_checksums,
        unfinished_checksums; /* finished ones; left to the sending card: captured before it */
    uint16_t last_ip_id;
    uint8_t ttl;
    uint8_t seen_next;
    bool link_out, link_in; /* the link header said of segments of this side: sent here, received here */
    bool ts_on, sacked;
    uint8_t step_count;
    struct tca_newest newest;
    struct tca_seen seen[TCA_SEEN_MAX]; /* ring of the newest segments */
    struct tca_mark
        recent; /* the last segment of this side; roles 0 unless also kept. See tca_mirror_settle() */

    /* What every other segment asks of it, or nearly. */
    int64_t first_ns, first_data_ns;
    int64_t timer_ns; /* when the clock of the present state was (re)started */
    struct tca_stray stray;
    uint64_t retx_pkts, keepalive_count;
    uint32_t iss, fin_seq;    /* fin_seq: the FIN's own number */
    uint32_t bad_checksums;   /* a bad one is damage only where good ones are the rule */
    uint32_t rto_run;         /* times the same payload came again, at a retransmission timer's distance */
    uint32_t challenge_count; /* challenge ACKs it sent */
    uint32_t fin_ack_end; /* end of this side's first segment with payload or FIN that acknowledged the peer's
                             FIN */
    bool fin_ack_carried; /* ... there is one: who acknowledges it has got that ACK too */
    bool path_cut;        /* more steps than fit: the newest overwrite the last */
    uint8_t alternative;  /* the other state it may be in, plus one; 0: only the assumed one and what is below
                            it */
    bool iss_known;
    bool iss_inferred;                /* from the peer's acknowledgment, its own SYN was not seen */
    bool fin_sent, fin_acked_by_peer; /* the peer has sent an acknowledgment of the FIN */
    bool rst_survived;                /* went on in TIME_WAIT after an exact RST (tcp_rfc1337) */
    bool close_used;  /* the peer's data was acknowledged after this side's FIN: a half-close in use */
    bool zero_open;   /* its window is closed */
    bool odd_payload; /* some was neither all new nor all counted as sent again */
    bool holes_full;
    uint8_t hole_count;
    struct tca_hole hole[TCA_HOLES_MAX];

    struct tca_step step[TCA_STEPS_MAX]; /* settled history so far; step[step_count-1] is the assumed state */

    /* Options and header marks. */
    bool sack_ok, has_wscale;
    bool opt_cut; /* the snap length ended inside the options of its SYN or SYN+ACK */
    uint8_t order_count;
    uint8_t order[TCA_OPTION_ORDER_MAX]; /* option kinds of its SYN or SYN+ACK */
    bool tfo, tfo_cookie;                /* fast-open option seen on its SYN; with a cookie */

    /* Counts. */
    uint32_t
        paused; /* new payloads sent while older ones were not acknowledged, after a pause of a timer's length */
    uint64_t missed_bytes;
    uint64_t capture_copies; /* packets besides these, which the capture holds twice */
    uint64_t late_pkts;      /* of pkts: when the next connection on these ports was open already */
    uint64_t syn_count, synack_count, fin_count, rst_count;
    int64_t zero_since_ns, zero_ns; /* a window still closed at the end counts to the flow's last segment */

    uint32_t sacked_to;   /* highest edge that the peer has selectively acknowledged, while `sacked` */
    uint32_t recover_end; /* SND.NXT when `recovery` began: it ends there */

    int64_t syn_last_ns, syn_gap_ns; /* ladder of its SYN or SYN+ACK: last copy, gap before it (0: first) */
    uint64_t syn_last_frame, fin_last_frame;
    int64_t fin_last_ns, fin_gap_ns; /* ladder of its FIN */
    int64_t fin_first_ns;
    uint64_t fin_first_frame;
    uint32_t fin_tsval;   /* of the newest copy of the FIN */
    uint16_t fin_ip_id;   /* 0: none */
    int64_t fin_acked_ns; /* when the first ACK of its FIN passed that it may have got; -1: none */
    bool small_passed;    /* the peer has got smaller pieces from behind the big one (SACK) */
    uint32_t rto_seq;
    int64_t rto_last_ns, rto_gap_ns;

    /* Liveness (liveness.c). What it sent again, by what made it do so; FINs and what was lost before the capture point
     * included, so the sum is not retx_pkts. */
    uint32_t retx_rto, retx_tlp, retx_fast;
    uint32_t retx_after_rto; /* the rest of what was outstanding when the timer ran out */
    uint32_t retx_unsure;    /* nothing tells why */
    uint32_t retx_spurious;  /* of all these, those that its peer shows to have been needless */
    uint32_t window_probes;  /* sent by this side, at the peer's closed window */
    uint32_t paws_rejected;  /* segments that its PAWS refused */
    uint32_t delayed_acks;   /* ACKs without payload that waited for a timer */
    uint32_t delayed_ack_min_us, delayed_ack_max_us;
    uint32_t keepalive_unanswered; /* longest run of probes without any word of the peer */
    int64_t keepalive_idle_ns;     /* shortest silence of the peer that drew a first probe; 0: none */
    int64_t keepalive_interval_ns; /* shortest interval between unanswered probes; 0: none */
};

/* A client segment that may have created the server's child. */
struct tca_opener {
    int64_t time_ns;
    uint64_t frame;
    uint32_t seq, len;
};
enum { TCA_OPENERS_MAX = 16 };

/* What ended up on the tuple before: snapshot of the older incarnation when the SYN of this one passed. */
struct tca_prior {
    bool exists;
    uint64_t first_frame; /* names the older flow within the same capture */
    uint32_t capture;
    int64_t last_ns;      /* its last segment */
    int64_t time_wait_ns; /* last (re)start of its TIME_WAIT clock; -1 if it had none */
    bool same_client;     /* the same end opened both */
    uint8_t state[2];     /* enum tca_state at that moment, timers applied, indexed by THIS flow's roles */
    uint32_t iss[2], snd_nxt[2], acked[2], tsval_last[2], ts_recent[2];
    bool iss_known[2], nxt_known[2], acked_known[2], ts_on[2];
    uint8_t active_closer; /* role that sent the first FIN; 2: none */
    int64_t isn_age_ns[2]; /* this flow's start minus the moment that side's older ISN was used; -1 unknown */
};

/* Bits of damage: why this flow may look different from what happened. */
enum tca_damage {
    TCA_DAMAGE_GAP = 1 << 0,       /* bytes acknowledged that were never captured */
    TCA_DAMAGE_SNAPLEN = 1 << 1,   /* options cut by the snap length */
    TCA_DAMAGE_ONE_WAY = 1 << 2,   /* one direction is missing */
    TCA_DAMAGE_DUP = 1 << 3,       /* the capture holds copies of segments */
    TCA_DAMAGE_REORDER = 1 << 4,   /* time stamps went backwards */
    TCA_DAMAGE_OFFLOAD = 1 << 5,   /* segments larger than the wire carries */
    TCA_DAMAGE_START_CUT = 1 << 6, /* no SYN within the capture */
    TCA_DAMAGE_END_CUT = 1 << 7,   /* the capture ended first */
    TCA_DAMAGE_NO_TIME = 1 << 8,   /* segments without a time: no interval tells anything */
    TCA_DAMAGE_CUT_SHORT =
        1 << 9, /* for want of memory: its own segments alone were looked at, or only its first ones */
};

struct tca_mirror {
    int64_t start_ns, last_ns;
    uint64_t first_frame, last_frame;
    uint32_t damage; /* enum tca_damage bits */
    bool begun;      /* it has seen a segment */
    bool calm;       /* open at both ends and in no trouble (easy.c) */
    uint8_t echoes; /* while calm: a bit for each role whose acknowledgments may show a needless repetition */
    int64_t ack_rtt_ns; /* SYN+ACK to the client's first ACK, ladders excluded; -1: that cannot be told */
    int64_t
        path_to_server_ns; /* best estimate of the round trip tap-server: min(SYN+ACK - SYN); -1 unknown */
    struct tca_trouble *trouble; /* two, by role; NULL while there is none; owned by the pool */
    struct tca_side side[2];

    struct tca_mark_chunk *marks; /* in order of frames once finished; owned by the pool */
    uint16_t mark_count;
    uint8_t role_count[TCA_ROLE_COUNT][2]; /* marks kept per role and side */

    /* The opening. -1 where it never happened; all are capture times. */
    int64_t syn_rtt_ns; /* SYN to SYN+ACK, from the copy that TSecr names; -1 if that cannot be told */
    int64_t first_synack_ns, first_ack_ns;
    uint64_t first_ack_frame;
    int64_t child_ns; /* the segment that created the server's child, once proved */
    uint64_t child_frame;
    bool child_proved; /* the server sent something only a full socket sends */
    bool open_refuted; /* a SYN+ACK repeat showed that an earlier ACK had not created the child */
    uint64_t ack_ignored_count;
    uint64_t acks_since_synack; /* client's ACK-bearing segments since the first SYN+ACK */
    int64_t last_opener_ns;     /* the newest; -1: none */
    int64_t prev_synack_ns;     /* the SYN+ACK before the newest */
    bool server_syn_bare; /* the passive side sent a SYN without ACK (simultaneous open or split handshake) */
    bool client_synack;   /* the client sent a SYN+ACK */
    bool
        deferred_rung; /* its newest SYN+ACK is the first repeat, and TCP_DEFER_ACCEPT left out those before */
    bool synack_isn_changed; /* SYN+ACKs with different ISNs while one answer stood: not one request's ladder
                              */
    uint32_t other_iss;      /* ... the one that does not count as the server's */
    int64_t other_syn_ns;    /* ... and the copy of the SYN that the first of its kind answered */
    uint64_t other_syn_frame;

    uint8_t first_fin;       /* role that sent the first FIN; 2: none yet */
    uint8_t first_rst;       /* role that sent the first RST; 2: none */
    uint8_t killed_by_reuse; /* a newer incarnation was committed while this one was not closed */
    bool ended;              /* no segment will be added any more */
    int64_t end_ns;          /* when the next incarnation was committed; -1: not ended by one */

    struct tca_opener opener[TCA_OPENERS_MAX]; /* ring of the newest, while the child is not proved */
    struct tca_prior prior;
};

/* Facts of a run that the mirror needs; borrowed by the calls. */
struct tca_mirror_context {
    struct tca_pool chunks;   /* of struct tca_mark_chunk */
    struct tca_pool troubles; /* of two struct tca_trouble */
    bool strict_checksums; /* a bad checksum always counts; else only once that side has shown a good one */
};
void tca_mirror_context_init(struct tca_mirror_context *ctx);
void tca_mirror_context_done(struct tca_mirror_context *ctx);

/* Begin a mirror that is all zeros at its first segment; step it with each one, that first included. `from` is the sender's
 * role. Return 0 or TCA_EMEMORY. */
void tca_mirror_begin(struct tca_mirror *m, const struct tca_segment *first);
int tca_mirror_step(struct tca_mirror_context *ctx, struct tca_mirror *m, const struct tca_segment *seg,
                    int from);
/* Make each side's `recent` that of its newest segment: in a calm connection it stays behind until somebody needs it. */
void tca_mirror_settle(struct tca_mirror *m);

/* A copy that the capture made of a segment which that side sent once (artefact/copy.h): counted, no more. */
void tca_mirror_copy(struct tca_mirror *m, int from);

/* A segment of an older incarnation, kept as evidence only if it may answer this one's SYN. */
int tca_mirror_witness(struct tca_mirror_context *ctx, struct tca_mirror *m, const struct tca_segment *seg,
                       int from);

/* A segment of this connection that comes after the next one on its ports was committed: it counts, and changes nothing.
 * Returns 0 or TCA_EMEMORY. */
int tca_mirror_late(struct tca_mirror_context *ctx, struct tca_mirror *m, const struct tca_segment *seg,
                    int from);
/* The same segment for the newer one, whose receiver may answer it by stating its numbers. */
void tca_mirror_stray(struct tca_mirror *m, const struct tca_segment *seg, int from);

/* The client opens anew, with another number: this attempt of it is over. */
void tca_mirror_anew(struct tca_mirror *m, int64_t now_ns);

/* An ICMP error quoting this flow. `from` is the role of the quoted segment's sender. */
int tca_mirror_icmp(struct tca_mirror_context *ctx, struct tca_mirror *m, const struct tca_segment *quote,
                    int from, bool from_peer);

/* What is known of a host's clocks besides the traffic; each -1 while it is not. */
struct tca_limits {
    int64_t fin_wait2_ns; /* how long an orphan waits for the peer's FIN */
    int64_t syn_ns;       /* from the first SYN, or SYN+ACK, until it is given up */
    int64_t synack_ns;
    int64_t orphan_ns;  /* a ladder goes on until so long after its first repeat: of what was closed, ... */
    int64_t open_ns;    /* ... and of what was not */
    int64_t watched_ns; /* rungs after this moment would not have been seen */
    int syn_linear;     /* repeats of a SYN one second apart before the intervals double, less one */
};
static inline struct tca_limits tca_limits_unknown(void)
{
    return (struct tca_limits){.fin_wait2_ns = -1,
                               .syn_ns = -1,
                               .synack_ns = -1,
                               .orphan_ns = -1,
                               .open_ns = -1,
                               .watched_ns = INT64_MAX,
                               .syn_linear = -1};
}

/* How long the server's request waits after its newest SYN+ACK before it repeats that or is freed: each wait is twice the
 * one before, and the first that TCP_DEFER_ACCEPT does not leave out comes after a sum of them. 0: repeated never. */
int64_t tca_mirror_synack_wait_ns(const struct tca_mirror *m);

/* Let the clocks run up to `now_ns`: TIME_WAIT, FIN_WAIT2, SYN_RECV, given-up ladders. Idempotent. */
void tca_mirror_clock(struct tca_mirror *m, int64_t now_ns);
/* The same with what is known, by role: a clock that rang before by the usual values, and that nothing followed, is set
 * anew; a FIN_WAIT2 that nothing proved to have lasted ends when it was over. False: nothing changed, and nothing will. */
bool tca_mirror_clock_known(struct tca_mirror *m, const struct tca_limits limits[2], int64_t now_ns);
/* The clock that runs, or ran, in this state of that side; false: none. Once the clock has fired only its interval
 * means something. */
struct tca_timer {
    int64_t start_ns, interval_ns;
};
bool tca_mirror_timer(const struct tca_mirror *m, int role, enum tca_state state,
                      const struct tca_limits *limits, struct tca_timer *ret_timer);

/* End: add the LAST marks. The history may still be settled against the capture's end with tca_mirror_clock.
 */
int tca_mirror_finish(struct tca_mirror_context *ctx, struct tca_mirror *m);
void tca_mirror_free(struct tca_mirror_context *ctx, struct tca_mirror *m);

/* None of the client's segments since the SYN+ACK has made a child. Nothing happens where the server's side has proved that one
 * exists. */
void tca_mirror_refute_open(struct tca_mirror *m);

/* All marks kept so far, in no particular order:
 *     struct tca_mark_walk walk = tca_mark_walk(m);
 *     while ((mark = tca_mark_next(&walk))) ... */
struct tca_mark_walk {
    struct tca_mark_chunk *chunk;
    unsigned left; /* not yet visited in this chunk */
};
struct tca_mark_walk tca_mark_walk(const struct tca_mirror *m);
struct tca_mark *tca_mark_next(struct tca_mark_walk *walk);

/* So near the server that what passed has arrived there, and its answer would have passed at once: below 1 ms. */
static inline bool tca_mirror_near_server(const struct tca_mirror *m)
{
    return m->path_to_server_ns >= 0 && m->path_to_server_ns < 1000000;
}

/* The assumed state, and whether `state` is one of the at most two that are still possible. */
static inline enum tca_state tca_side_state(const struct tca_side *side)
{
    return side->step_count ? (enum tca_state)side->step[side->step_count - 1].state : TCA_UNKNOWN;
}
bool tca_side_may_be(const struct tca_side *side, enum tca_state state);
/* The settled state after the segment with this frame number. */
enum tca_state tca_side_state_at(const struct tca_side *side, uint64_t frame);

#endif
