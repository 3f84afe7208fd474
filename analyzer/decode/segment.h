/* SPDX-License-Identifier: MIT
 *
 * A segment: one clean TCP view of a record. Whatever could be malformed has been checked or rejected before
 * one of these exists, so later stages need no bounds checks. It holds no pointer into the packet.
 */
#ifndef TCA_DECODE_SEGMENT_H
#define TCA_DECODE_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* TCP flag bits as on the wire (RFC 9293 section 3.1); TCA_AE is bit 8, RFC 9768's accurate ECN. */
enum {
    TCA_FIN = 0x001,
    TCA_SYN = 0x002,
    TCA_RST = 0x004,
    TCA_PSH = 0x008,
    TCA_ACK = 0x010,
    TCA_URG = 0x020,
    TCA_ECE = 0x040,
    TCA_CWR = 0x080,
    TCA_AE = 0x100,
};

enum tca_checksum {
    TCA_CHECKSUM_UNVERIFIED, /* packet cut by the snap length, or a quoted header */
    TCA_CHECKSUM_GOOD,
    TCA_CHECKSUM_UNFINISHED, /* holds the folded pseudo-header sum only: transmit offload, says nothing bad */
    TCA_CHECKSUM_BAD,
};

enum tca_encap {
    TCA_ENCAP_NONE,
    TCA_ENCAP_GRE,
    TCA_ENCAP_IPIP, /* IPv4 in IPv4, or any IP in IPv6 */
    TCA_ENCAP_6IN4, /* IPv6 in IPv4 */
    TCA_ENCAP_ERSPAN,
    TCA_ENCAP_VXLAN,
    TCA_ENCAP_GENEVE,
    TCA_ENCAP_GTPU,
    TCA_ENCAP_TEREDO,
};

/* At the sender's own tap the card finishes checksums later, and anonymizers leave them stale: then one in 65536 is good by
 * chance. Bad ones of an end mean something only where good ones are the rule. */
static inline bool tca_bad_checksums_count(uint32_t good, uint32_t bad)
{
    return good > 1 && good > bad;
}

/* What wraps the innermost IP packet. Not part of the flow key unless asked for. VLAN tags are those of the whole
 * frame, outside and inside of tunnels alike. */
struct tca_tags {
    uint16_t vlan[4]; /* outermost first; only vlan_count are set, the others 0 */
    uint8_t vlan_count;
    uint8_t encap;     /* enum tca_encap of the innermost tunnel */
    uint32_t encap_id; /* GRE key, VNI, TEID, ERSPAN session; else 0 */
};

/* Kinds of TCP options: RFC 9293 section 3.2, 7323, 2018, 7413, 8684, 9768; experiments 6994. */
enum tca_option_kind {
    TCA_OPTION_END = 0,
    TCA_OPTION_NOP = 1,
    TCA_OPTION_MSS = 2,
    TCA_OPTION_WSCALE = 3,
    TCA_OPTION_SACK_OK = 4,
    TCA_OPTION_SACK = 5,
    TCA_OPTION_TS = 8,
    TCA_OPTION_MPTCP = 30,
    TCA_OPTION_TFO = 34,
    TCA_OPTION_ACCECN0 = 172,
    TCA_OPTION_ACCECN1 = 174,
    TCA_OPTION_EXPERIMENT = 254,
};
enum { TCA_OPTION_ORDER_MAX = 20 };

/* TCP options. `order` lists the kinds in wire order, repeats and NOPs included, end-of-list (0) included. */
struct tca_options {
    uint32_t tsval, tsecr;
    bool has_ts;
    uint8_t sack_count; /* blocks, at most 4 */
    bool cut;           /* the snap length ended inside the options: absent ones may have been there */
    bool malformed;     /* a length did not fit: that option, or all from where the chain broke, is ignored */
    bool has_mss, has_wscale, sack_ok;
    uint8_t order_count;
    /* What few segments have, but the first of `order`. */
    bool has_tfo, has_mptcp, has_accecn;
    uint8_t wscale; /* as announced; users cap it at 14, RFC 7323 section 2.3 */
    uint16_t mss;
    uint8_t tfo_cookie_len; /* 0: cookie request */
    uint8_t order[TCA_OPTION_ORDER_MAX];
    uint32_t sack[4][2]; /* left edge, right edge */
};

/* What every segment has stands in its first 128 bytes. */
struct tca_segment {
    int64_t time_ns;
    uint64_t frame;
    uint8_t src[16], dst[16]; /* IPv4 as ::ffff:a.b.c.d, so that both families compare alike */
    uint16_t sport, dport;
    uint8_t family; /* 4 or 6 */
    uint8_t ttl;    /* TTL or hop limit */
    uint16_t ip_id; /* IPv4 identification; 0 for IPv6 */
    bool has_ip_id; /* IPv4 */
    bool df;
    uint8_t
        direction;  /* as the Linux cooked header numbers packet types: 0 to us, 4 sent by us; 255 not told */
    uint16_t flags; /* TCA_FIN | ... */
    uint16_t window; /* unscaled, as on the wire */
    uint32_t seq, ack;
    uint32_t len;      /* payload bytes by the IP header, never by the frame; SYN and FIN not counted */
    uint32_t captured; /* payload bytes really in the file */
    uint8_t checksum;  /* enum tca_checksum */
    bool offload;      /* IP total length 0: length taken from the frame (transmit offload) */
    bool timeless;     /* time_ns tells nothing: its record has no time */
    bool mended;       /* its record stood behind later ones of its connection (artefact/order.h) */
    bool fragmented;   /* came in IP fragments; the table of them hands it on (fragment.h) */
    bool partial;      /* and other tools show no TCP there: it numbers nothing (fragment.h) */
    bool again;        /* all its fragments, of one identification, had come before (fragment.h) */
    bool left_out;     /* of a record that a filter left out; of fragments: the first one's */
    bool hollow;       /* payload by the IP header, but none by the length of the frame as it was sent */
    bool unmeasured;   /* the header itself does not fit its packet, or that frame */
    bool stub;         /* no segment: the header is too short, or bad_offset; up to the window it is there */
    bool bad_offset;   /* data offset below 5 (a stub, or a quotation padded with zeros) */
    /* A TCP header quoted in an ICMP or ICMPv6 error: the other fields are those of the quoted packet as far
     * as the quotation reaches (flags, ack, window and options may be missing), never a segment that was sent
     * now. */
    bool quoted;
    struct tca_tags tags;
    struct tca_options opt;

    /* Of a quotation. */
    uint16_t vain_flags; /* of one with bad_offset, as they stand there; `flags` are 0 */
    bool no_window;      /* the quotation ended before the window */
    bool quote_cut;      /* the quotation ended before the acknowledgment number: flags, ack, window are 0 */
    uint8_t icmp_type, icmp_code;
    uint16_t
        icmp_mtu; /* of the link that was too narrow (RFC 1191, RFC 8201); 0: another error, or not told */
    uint8_t icmp_from[16]; /* who sent the error */
};

enum { TCA_SEGMENT_HOT = 128 };
_Static_assert(offsetof(struct tca_segment, opt) + offsetof(struct tca_options, has_tfo) == TCA_SEGMENT_HOT,
               "what every segment has lies in two cache lines");

/* What stands behind these in memory that is used for one segment after the other: most are alike there, and what is as it
 * should be need not be written. */
enum tca_segment_rest {
    TCA_REST_ANY,
    TCA_REST_ZERO,
    TCA_REST_STAMPS, /* as of a segment whose only option are time stamps */
};

/* First sequence number after this segment: SYN and FIN take one each (RFC 9293 section 3.4). */
static inline uint32_t tca_segment_end(const struct tca_segment *seg)
{
    return seg->seq + seg->len + ((seg->flags & TCA_SYN) ? 1 : 0) + ((seg->flags & TCA_FIN) ? 1 : 0);
}

/* A SYN that begins something: without ACK, and without what no SYN of a stack bears. */
static inline bool tca_is_bare_syn(const struct tca_segment *seg)
{
    return (seg->flags & (TCA_SYN | TCA_ACK | TCA_FIN | TCA_RST)) == TCA_SYN;
}

static inline bool tca_is_synack(const struct tca_segment *seg)
{
    return (seg->flags & (TCA_SYN | TCA_ACK | TCA_RST)) == (TCA_SYN | TCA_ACK);
}

/* ICMP errors by the family of what they quote. */
static inline bool tca_icmp_is_frag_needed(uint8_t family, uint8_t type, uint8_t code)
{
    return family == 4 ? type == 3 && code == 4 : type == 2;
}

static inline bool tca_icmp_is_unreachable(uint8_t family, uint8_t type, uint8_t code)
{
    enum { CODES = 16 }; /* of ICMP; hosts ignore what is beyond */
    return family == 4 ? type == 3 && code < CODES && !tca_icmp_is_frag_needed(family, type, code)
                       : type == 1;
}

/* Unreachable, time exceeded, parameter problem: Linux gives up a connect() for any of them (tcp_v4_err, tcp_v6_err). */
static inline bool tca_icmp_ends_attempt(uint8_t family, uint8_t type, uint8_t code)
{
    bool exceeded = type == (family == 4 ? 11 : 3), malformed = type == (family == 4 ? 12 : 4);
    return exceeded || malformed || tca_icmp_is_unreachable(family, type, code);
}

#endif
