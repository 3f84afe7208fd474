/* SPDX-License-Identifier: MIT
 *
 * IEEE 802.11 as monitors capture it: what the receiver knew (radiotap, Prism, AVS, PPI), then the frame.
 *
 *     radiotap | frame control ... addresses ... QoS | pad | LLC/SNAP | IP ... | FCS
 *
 * Only data frames carry IP. A protected one is encrypted unless the driver has deciphered it in place, which
 * leaves the flag set; the SNAP header tells: no cipher text looks like its six fixed bytes. Several packets in
 * one frame (A-MSDU) and later fragments of one count as not_ip.
 */
#include "decode/walk.h"

static uint16_t le16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[1] << 8 | bytes[0]);
}

static uint32_t le32(const uint8_t *bytes)
{
    return (uint32_t)le16(bytes + 2) << 16 | le16(bytes);
}

/* ---- what receivers put before the frame ---- */

enum { RADIOTAP_FCS = 0x10, RADIOTAP_PAD = 0x20 };

/* The field `flags`, second of the first namespace, after the words that tell which fields there are; the first field is
 * a clock, of eight bytes and aligned to them. */
static uint8_t radiotap_flags(const uint8_t *header, uint32_t len)
{
    const uint32_t has_clock = 1u << 0, has_flags = 1u << 1, another_word = 1u << 31;
    uint32_t present = le32(header + 4), at = 8;

    for (uint32_t word = present; word & another_word; at += 4) {
        if (at + 4 > len)
            return 0;
        word = le32(header + at);
    }
    if (present & has_clock)
        at = (at + 7) / 8 * 8 + 8;
    return present & has_flags && at < len ? header[at] : 0;
}

/* The checksum at the frame's end is no part of any packet. */
static void drop_fcs(struct tca_cursor *cursor)
{
    enum { FCS_LEN = 4 };

    if (cursor->wire >= FCS_LEN)
        cursor_set_wire(cursor, cursor->wire - FCS_LEN);
}

int tca_step_radiotap(struct tca_walk *walk)
{
    const uint8_t *header = cursor_peek(&walk->cursor, 8);
    uint32_t len = header ? le16(header + 2) : 0;
    uint8_t flags;

    if (header && (header[0] != 0 || len < 8))
        return TCA_OUTCOME_not_ip;
    if (!header || !cursor_take(&walk->cursor, len))
        return walk_cut(walk);
    flags = radiotap_flags(header, len);
    if (flags & RADIOTAP_FCS)
        drop_fcs(&walk->cursor);
    walk->padded = flags & RADIOTAP_PAD;
    return walk_on(walk, LAYER_WLAN);
}

/* Skip `len` bytes that `least` and more must be; the walk's first eight bytes told the number. */
static int skip_to(struct tca_walk *walk, uint32_t len, uint32_t least, enum tca_layer next)
{
    if (len < least)
        return TCA_OUTCOME_not_ip;
    return cursor_take(&walk->cursor, len) ? walk_on(walk, next) : walk_cut(walk);
}

int tca_step_avs(struct tca_walk *walk)
{
    const uint8_t *header = cursor_peek(&walk->cursor, 8);

    return header ? skip_to(walk, be32(header + 4), 8, LAYER_WLAN) : walk_cut(walk);
}

/* Written in the receiver's byte order: as its length is small, the end that is not zero tells. Some drivers write AVS
 * under this link type. */
int tca_step_prism(struct tca_walk *walk)
{
    enum { AVS_MAGIC = 0x80211 };
    const uint8_t *header = cursor_peek(&walk->cursor, 8);
    uint32_t little, big;

    if (!header)
        return walk_cut(walk);
    if (be32(header) >> 12 == AVS_MAGIC)
        return walk_on(walk, LAYER_AVS);
    little = le32(header + 4);
    big = be32(header + 4);
    return skip_to(walk, little < big ? little : big, 24, LAYER_WLAN);
}

/* ---- the frame ---- */

enum {
    TYPE_DATA = 2,
    SUBTYPE_NO_DATA = 4,
    SUBTYPE_QOS = 8,
    FLAG_TO_AND_FROM = 0x03,
    FLAG_ORDER = 0x80, /* in a QoS frame: four bytes of HT control */
    QOS_AGGREGATE = 0x80,
};

static uint32_t header_length(const uint8_t *control)
{
    bool qos = control[0] >> 4 & SUBTYPE_QOS;
    uint32_t len = 24;

    if ((control[1] & FLAG_TO_AND_FROM) == FLAG_TO_AND_FROM)
        len += 6; /* a fourth address */
    if (qos)
        len += control[1] & FLAG_ORDER ? 6 : 2;
    return len;
}

int tca_step_wlan(struct tca_walk *walk)
{
    const uint8_t *control = cursor_peek(&walk->cursor, 2), *header;
    uint32_t len, qos_at, pad;

    if (!control)
        return walk_cut(walk);
    if ((control[0] & 0x0f) != TYPE_DATA << 2 || control[0] >> 4 & SUBTYPE_NO_DATA) /* version 0, data */
        return TCA_OUTCOME_not_ip;
    len = header_length(control);
    pad = walk->padded ? (4 - len % 4) % 4 : 0;
    header = cursor_take(&walk->cursor, len + pad);
    if (!header)
        return walk_cut(walk);
    if (le16(header + 22) & 0x0f) /* fragment number */
        return TCA_OUTCOME_not_ip;
    qos_at = (control[1] & FLAG_TO_AND_FROM) == FLAG_TO_AND_FROM ? 30 : 24;
    if (control[0] >> 4 & SUBTYPE_QOS && header[qos_at] & QOS_AGGREGATE)
        return TCA_OUTCOME_not_ip;
    return walk_on(walk, LAYER_LLC);
}
